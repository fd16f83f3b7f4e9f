"""Model specs: where the name ends and what the options mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.errors import UsageError
from benchharness.models.spec import EncoderOptions, ModelSpec, encode_value, parse_spec


def test_options_follow_the_at_sign_in_order_of_name() -> None:
    """`name=value` pairs after `@` are options; they are kept sorted, so that equal is equal."""
    spec = parse_spec("minilm@max_length=128,dim=64")

    assert spec == ModelSpec(
        "minilm@max_length=128,dim=64", "minilm", (("dim", "64"), ("max_length", "128"))
    )
    assert spec.option("dim") == "64"
    assert spec.option("dtype") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("minilm", "minilm"),
        ("openai:text-embedding-3-small@https://api.example/v1", None),
        ("owner/name@v2", None),  # the right side is no pair
        ("folder@home/model", None),
        ("@dim=64", None),  # nothing would be left as the name
        ("folder@home/model@dim=8", "folder@home/model"),
        ("tei:http://localhost:8080@dim=8", "tei:http://localhost:8080"),
    ],
)
def test_only_the_last_at_sign_before_pairs_ends_the_name(text: str, name: str | None) -> None:
    """An `@` whose right side is not `name=value(,name=value)*` belongs to the name."""
    assert parse_spec(text).name == (text if name is None else name)


def test_a_value_may_hold_an_at_sign_and_an_equals_sign() -> None:
    """`@` in a value is found again because the search goes on to the left of it."""
    spec = parse_spec("owner/name@revision=v1@rc,query_prompt=q=")

    assert spec.name == "owner/name"
    assert spec.option("revision") == "v1@rc"
    assert spec.option("query_prompt") == "q="


@given(st.text(max_size=30))
def test_an_encoded_value_comes_back_as_it_was(value: str) -> None:
    """Whatever a prompt holds, it survives `encode_value` and `parse_spec`."""
    spec = parse_spec(f"minilm@query_prompt={encode_value(value)},dim=8")

    assert spec.name == "minilm"
    assert spec.option("query_prompt") == value
    assert spec.option("dim") == "8"


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_spec_is_refused(text: str) -> None:
    """A spec names something."""
    with pytest.raises(UsageError, match="is empty"):
        parse_spec(text)


def test_an_option_given_twice_is_refused() -> None:
    """Which of the two would count is not guessed."""
    with pytest.raises(UsageError, match="'dim' is given twice"):
        parse_spec("minilm@dim=8,dim=16")


def test_every_option_is_read() -> None:
    """The options of sentence-transformers models, all at once."""
    text = (
        "m@dim=64,max_length=128,dtype=bfloat16,device=cuda:1,revision=v2,query_prompt=a%2C b,"
        "document_prompt=,pooling=cls,trust_remote_code=yes,batch_size=7"
    )
    options = EncoderOptions.of(parse_spec(text))

    assert options == EncoderOptions(
        dim=64,
        max_length=128,
        dtype="bfloat16",
        device="cuda:1",
        revision="v2",
        query_prompt="a, b",
        document_prompt="",
        pooling="cls",
        trust_remote_code=True,
        batch_size=7,
    )


def test_no_option_means_the_models_own() -> None:
    """Without options everything is None, and arithmetic is float32."""
    assert EncoderOptions.of(parse_spec("m")) == EncoderOptions(dtype="float32")


def test_an_unknown_option_says_what_was_meant() -> None:
    """The nearest known option is named."""
    with pytest.raises(UsageError) as caught:
        EncoderOptions.of(parse_spec("minilm@max_len=128"))

    assert "unknown option 'max_len'" in str(caught.value)
    assert "did you mean max_length?" in caught.value.remedy
    assert caught.value.where == "minilm@max_len=128"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("dim=0", "a whole number of at least 1"),
        ("dim=-3", "a whole number of at least 1"),
        ("dim=1.5", "a whole number of at least 1"),
        ("max_length=", "a whole number of at least 1"),
        ("dtype=int8", "float32, float16 or bfloat16"),
        ("device=GPU 0", "the name of a device"),
        ("revision=", "a branch, tag or commit"),
        ("pooling=sum", "mean, cls, max or lasttoken"),
        ("trust_remote_code=true", "yes or no"),
        ("batch_size=0", "a whole number of at least 1"),
        ("batch_size=all", "a whole number of at least 1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_an_example(option: str, expected: str) -> None:
    """The message holds the value and what it should be; the remedy can be copied."""
    name, _, value = option.partition("=")

    with pytest.raises(UsageError) as caught:
        EncoderOptions.of(parse_spec(f"m@{option}"))

    assert caught.value.message == f"{name}={value!r} is not {expected}"
    assert caught.value.remedy.startswith(f"write m@{name}=")
    EncoderOptions.of(parse_spec(caught.value.remedy.removeprefix("write ")))


@pytest.mark.parametrize(
    ("text", "name", "parts", "options"),
    [
        ("hybrid(bm25,minilm)", "hybrid", ("bm25", "minilm"), ()),
        ("hybrid( bm25 , minilm )", "hybrid", ("bm25", "minilm"), ()),
        ("int8(minilm@dim=64)", "int8", ("minilm@dim=64",), ()),
        (
            "rerank(minilm@dim=64,max_length=128,minilm)@top=20",
            "rerank",
            ("minilm@dim=64,max_length=128", "minilm"),
            (("top", "20"),),
        ),
        (
            "rerank(hybrid(bm25,minilm@dim=8,dtype=float16)@k=3,binary(minilm))",
            "rerank",
            ("hybrid(bm25,minilm@dim=8,dtype=float16)@k=3", "binary(minilm)"),
            (),
        ),
        (
            "hybrid(bm25,openai:m@http://h:1/v1@dim=8,rate=60)@fusion=rrf",
            "hybrid",
            ("bm25", "openai:m@http://h:1/v1@dim=8,rate=60"),
            (("fusion", "rrf"),),
        ),
        ("hybrid()", "hybrid", (), ()),
        ("hybrid(a,)", "hybrid", ("a", ""), ()),
    ],
)
def test_a_pipeline_is_a_call_whose_parts_are_specs(text, name, parts, options) -> None:
    """Rule: a comma before `name=value` goes on with the options of the part before it."""
    spec = parse_spec(text)

    assert (spec.text, spec.name, spec.parts, spec.options) == (text, name, parts, options)


@pytest.mark.parametrize("text", ["hybrid", "models/hybrid(1)", "hybrids(a,b)", "x(a)@dim=64"])
def test_other_names_are_no_pipelines(text: str) -> None:
    assert parse_spec(text).parts == ()


def test_a_parenthesis_in_a_value_is_encoded() -> None:
    spec = parse_spec("rerank(minilm@query_prompt=%28q%29 ,bm25)")

    assert spec.parts == ("minilm@query_prompt=%28q%29", "bm25")
    assert parse_spec(spec.parts[0]).option("query_prompt") == "(q)"


@pytest.mark.parametrize("text", ["hybrid(bm25,minilm", "rerank(int8(minilm),bm25", "int8("])
def test_an_open_parenthesis_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not closed"):
        parse_spec(text)


@pytest.mark.parametrize("rest", ["x", "@", "@top", ")", " @top=1"])
def test_what_follows_the_parenthesis_are_options_or_nothing(rest: str) -> None:
    with pytest.raises(UsageError, match="after the parenthesis"):
        parse_spec("hybrid(a,b)" + rest)
