"""From a log to pairs: one for each query and document, those that are sure, split by time."""

import random
from dataclasses import replace
from hashlib import sha256

import pytest

from benchharness.data.similarity import text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.pairs.clicks.choosing import query_id_of
from benchharness.pairs.clicks.mining import mine
from benchharness.pairs.clicks.settings import Settings
from benchharness.pairs.clicks.simulation import CURVES, World, simulate

# What a tiny log needs to have pairs at all.
EASY = Settings(eta=1.0, min_score=0.1)


@pytest.fixture
def corpus(corpus_of):
    return corpus_of("a", "b", "c", "d")


def keys(pairs):
    return [(pair.query, pair.doc_id) for pair in pairs]


def test_one_pair_for_a_query_and_document_whatever_its_ranks(write_log, pages, corpus):
    """Rule: the counts are by rank, the pairs are not. 10 clicks at rank 1, 10 at rank 2."""
    log = write_log(pages(*[("q", "ab", "a")] * 10, *[("q", "ba", "a")] * 10))

    mined = mine(log, corpus, EASY)

    assert keys(mined.pairs) == [("q", "a")]
    [pair] = mined.pairs
    assert (pair.positive, pair.source, pair.weight, pair.negatives) == (
        "text of a",
        "clicks",
        1.0,
        (),
    )
    assert dict(pair.provenance) | {"score": "", "attraction": ""} == {
        "impressions": "20", "clicks": "20", "score": "", "attraction": "",
    }  # fmt: skip
    assert (
        0.5
        < float(dict(pair.provenance)["score"])
        < float(dict(pair.provenance)["attraction"])
        <= 1
    )


def test_the_most_frequent_spelling_is_kept_and_of_equal_ones_the_smallest(
    write_log, pages, corpus
):
    spellings = ["red fox"] * 4 + ["Red Fox", "Red  Fox"] * 3 + ["b", "B"] * 5

    mined = mine(write_log(pages(*[(text, "ac", "a") for text in spellings])), corpus, EASY)

    assert keys(mined.pairs) == [("B", "a"), ("Red Fox", "a")]


def test_the_best_document_of_a_query_comes_first(write_log, pages, corpus):
    log = write_log(
        pages(*[("q", "a", "a"), ("q", "a", ""), ("q", "b", "b"), ("q", "b", "b")] * 10)
    )

    assert keys(mine(log, corpus, EASY).pairs) == [("q", "b"), ("q", "a")]


def test_the_query_id_is_that_of_the_normalised_query(write_log, pages, corpus):
    first = mine(write_log(pages(*[("Red Fox", "ab", "a")] * 10)), corpus, EASY)
    second = mine(write_log(pages(*[("red  fox", "ab", "b")] * 10)), corpus, EASY)

    assert {pair.query_id for pair in first.pairs + second.pairs} == {query_id_of("red fox")}
    assert query_id_of("red fox") == f"clicks-{sha256(b'red fox').hexdigest()[:16]}"


def test_pairs_need_impressions_clicks_and_score(write_log, pages, corpus):
    log = write_log(
        pages(
            *[("few impressions", "a", "a")] * 4,
            *[("few clicks", "b", "")] * 4, ("few clicks", "b", "b"),
            *[("low", "c", "")] * 200, *[("low", "c", "c")] * 2,
            *[("good", "d", "d")] * 5,
        )
    )  # fmt: skip

    mined = mine(log, corpus, replace(EASY, min_clicks=2, min_impressions=5))

    assert keys(mined.pairs) == [("good", "d")]
    assert (mined.report.candidates, mined.report.enough, mined.report.pairs) == (4, 2, 1)


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.jsonl", "log.parquet"])
def test_every_format_gives_the_same_pairs(write_log, pages, corpus, name):
    rows = pages(*[("q", "ab", "a")] * 10, *[("r", "bca", "c")] * 9, ts=5, dwell_s=20, session="s")

    mined = mine(write_log(rows, name), corpus, EASY)

    assert keys(mined.pairs) == [("q", "a"), ("r", "c")]


SMALL = World(queries=40)


def world_log(folder, world=SMALL, pages=4000, times=False, seed=0):
    """A simulated log as a file and its corpus; times: the page's number is its time."""
    log = simulate(world, pages, seed)
    lines = list(log.lines())
    if times:
        lines = [line.strip() + f",{line.split(',')[0][1:]}\n" for line in lines]
        lines[0] = "impression_id,query,doc_id,rank,clicked,ts\n"
    path = folder / "world.csv"
    path.write_text("".join(lines))
    return log, path, TextTable.of(log.documents())


def truth(log, pairs):
    """Share of the pairs that are relevant."""
    ids = [pair.doc_id.removeprefix("q").split("d") for pair in pairs]
    return sum(bool(log.relevant[int(query), int(doc)]) for query, doc in ids) / len(ids)


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    _, path, corpus = world_log(tmp_path)
    first = mine(path, corpus)
    head, *lines = path.read_text().splitlines(keepends=True)

    path.write_text(head + "".join(random.Random(1).sample(lines, len(lines))))

    assert mine(path, corpus) == first


def test_a_log_that_was_written_twice_is_the_log(tmp_path):
    """Rule: repeated rows are counted, and change no pair."""
    _, path, corpus = world_log(tmp_path)
    once = mine(path, corpus)
    head, *lines = path.read_text().splitlines(keepends=True)

    path.write_text(head + "".join(lines + lines))
    twice = mine(path, corpus)

    assert twice.pairs == once.pairs
    assert twice.report.filters[1].removed == len(lines)
    assert twice.report.curve == once.report.curve


def test_a_whole_simulated_log_gives_good_pairs(tmp_path):
    """Rule: with the defaults, at least 85 % of the pairs are of relevant documents."""
    log, path, corpus = world_log(tmp_path, World(queries=300), 30_000)

    mined = mine(path, corpus)

    assert truth(log, mined.pairs) > 0.85
    assert len(mined.pairs) > 0.6 * log.relevant.sum()
    curve = [one.examination for one in mined.report.curve.ranks]
    assert curve == pytest.approx(CURVES["1/rank"], abs=0.05)


def test_without_correction_it_is_said(tmp_path):
    _, path, corpus = world_log(tmp_path)

    mined = mine(path, corpus, Settings(debias=False))

    assert mined.report.curve.source == "none"
    assert {one.examination for one in mined.report.curve.ranks} == {1.0}


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (World(queries=40, noise=0.0), "no document changed its rank"),
        (World(queries=40, blocks=(6,)), "ranks 6, 7, 8, 9, 10 cannot be tied"),
    ],
)
def test_a_log_that_does_not_tell_ranks_apart_is_refused(tmp_path, world, says):
    """And a given curve, or fewer ranks, is what helps."""
    _, path, corpus = world_log(tmp_path, world)

    with pytest.raises(DataError, match=says) as refused:
        mine(path, corpus)

    assert refused.value.where == str(path)
    assert mine(path, corpus, Settings(eta=1.0)).pairs
    assert mine(path, corpus, Settings(curve=dict(enumerate(CURVES["steps"], 1)))).pairs


def test_loose_ranks_may_be_left_out(tmp_path):
    _, path, corpus = world_log(tmp_path, World(queries=40, blocks=(6,)))

    mined = mine(path, corpus, Settings(max_rank=5))

    assert [one.rank for one in mined.report.curve.ranks] == [1, 2, 3, 4, 5]


def test_no_query_is_on_both_sides_of_the_split(tmp_path):
    """Rule: a query of both windows trains; a hundred of 400 are asked in the later one only."""
    log, path, corpus = world_log(tmp_path, World(queries=400, popularity=0.0), 20_000, times=True)
    late = {f"query {query}" for query in range(300, 400)}
    kept = [
        line
        for place, line in enumerate(path.read_text().splitlines(keepends=True))
        if not place or line.split(",")[1] not in late or int(line.split(",")[-1]) >= 16_000
    ]
    path.write_text("".join(kept))

    mined = mine(path, corpus, Settings(split_at=16_000.0))

    split = mined.report.split
    assert {pair.query for pair in mined.later} <= late
    assert not {pair.query_id for pair in mined.later} & {pair.query_id for pair in mined.pairs}
    assert (split.seen_queries, split.queries) == (300, len({p.query for p in mined.later}))
    assert split.impressions == 4000
    assert split.queries > 30
    assert truth(log, mined.later) > 0.8


TIMED = Settings(eta=1.0, min_score=0.1, later=0.5)


def test_a_share_of_the_impressions_is_later(write_log, pages, corpus):
    rows = [
        row
        for time in range(20)
        for row in pages(("old" if time < 14 else "new", "ab", "a"), first=time, ts=time)
    ]

    mined = mine(write_log(rows), corpus, replace(TIMED, later=0.3))

    assert (mined.report.split.at, mined.report.split.impressions) == (14.0, 6)
    assert (keys(mined.pairs), keys(mined.later)) == ([("old", "a")], [("new", "a")])


def two_times(pages):
    """Earlier `old` finds a; later `again` finds a too and c, `new` finds d, `NEW-OLD` is old."""
    earlier = pages(*[("old", "ab", "a")] * 20, ts=1)
    later = pages(
        *[("again", "acb", "ac")] * 6, *[("new", "db", "d")] * 6, *[("OLD", "ab", "b")] * 8,
        first=20, ts=2,
    )  # fmt: skip
    return earlier + later


def test_documents_of_both_windows_are_counted(write_log, pages, corpus):
    mined = mine(write_log(two_times(pages)), corpus, TIMED)

    split = mined.report.split
    assert keys(mined.later) == [("again", "a"), ("again", "c"), ("new", "d")]
    assert (split.seen_queries, split.seen_rows) == (1, 16)
    assert (split.shared_documents, split.documents, split.positives) == (1, 3, 3)


def test_queries_joined_by_documents_are_dropped_on_request(write_log, pages, corpus):
    mined = mine(write_log(two_times(pages)), corpus, replace(TIMED, split_by="component"))

    assert keys(mined.later) == [("new", "d")]
    assert (mined.report.split.connected_queries, mined.report.split.shared_documents) == (1, 0)


def test_the_later_window_changes_no_training_pair(write_log, pages, corpus):
    """Rule: curve, prior and spelling are the earlier window's."""
    both = mine(write_log(two_times(pages)), corpus, TIMED)
    earlier = mine(write_log(two_times(pages)[:40]), corpus, EASY)

    assert both.pairs == earlier.pairs


def test_a_split_that_leaves_nothing_is_refused(write_log, pages, corpus):
    rows = pages(*[("q", "ab", "a")] * 10, ts=1) + pages(*[("q", "ab", "a")] * 10, first=10, ts=2)

    with pytest.raises(DataError, match="no query is left to evaluate on") as refused:
        mine(write_log(rows), corpus, TIMED)

    assert "1 queries were asked earlier" in refused.value.message


def test_ranks_that_the_earlier_window_never_showed_are_refused(tmp_path):
    """Nothing was learned of them; a given curve knows them."""
    _, path, corpus = world_log(tmp_path, pages=3000, times=True)
    kept = [
        line
        for place, line in enumerate(path.read_text().splitlines(keepends=True))
        if not place or int(line.split(",")[3]) < 10 or int(line.split(",")[-1]) >= 1500
    ]
    kept += [f"x{page},new,q0d0,10,1,{page}\n" for page in range(2900, 2910)]
    path.write_text("".join(kept))

    with pytest.raises(DataError, match="nothing is known of rank 10") as refused:
        mine(path, corpus, Settings(split_at=1500.0))
    assert refused.value.where == str(path)
    assert mine(path, corpus, Settings(split_at=1500.0, eta=1.0)).later


def test_a_log_without_times_is_not_split(write_log, pages, corpus):
    with pytest.raises(DataError, match="no times"):
        mine(write_log(pages(*[("q", "ab", "a")] * 10)), corpus, TIMED)


def test_what_leaves_no_pair_says_why(write_log, pages, corpus):
    log = write_log(pages(*[("q", "ab", "a")] * 10))

    with pytest.raises(DataError, match=r"no pair has a score of 1; the highest is 0\.\d{4}"):
        mine(log, corpus, replace(EASY, min_score=1.0))
    with pytest.raises(DataError, match="no document has 50 impressions and 2 clicks"):
        mine(log, corpus, replace(EASY, min_impressions=50))


def test_another_corpus_is_refused(write_log, pages, corpus_of):
    log = write_log(pages(*[("q", "ab", "a")] * 10))

    with pytest.raises(DataError, match="no row of the log is left") as refused:
        mine(log, corpus_of("x"), EASY)

    assert "20 rows" in refused.value.message


def test_the_share_of_raw_pairs_that_is_kept(write_log, pages, corpus):
    """By hand: raw rates are b 0.5, a 0.4; at rank 10 four clicks of ten weigh more than five."""
    shown = ["b", *[f"x{place}" for place in range(8)], "a"]
    log = write_log(pages(*[("q", shown, "ab")] * 4, ("q", shown, "b"), *[("q", shown, "")] * 5))

    mined = mine(log, corpus, replace(EASY, min_score=0.36))

    assert keys(mined.pairs) == [("q", "a")]
    assert mined.report.kept_of_raw == 0.0


def test_a_split_before_the_log_is_named_as_that(write_log, pages, corpus):
    """Rule: nothing was filtered, so the corpus is not what is wrong."""
    log = write_log(pages(*[("q", "ab", "a")] * 10, ts=1_000))

    with pytest.raises(DataError, match="no row of the log is earlier than the split"):
        mine(log, corpus, replace(EASY, split_at=10.0))


def test_queries_that_are_tested_with_are_never_trained_on(write_log, pages, corpus):
    """Rule: by the key of the normalised text; a log of nothing else is refused."""
    rows = pages(*[("Red  Fox", "ab", "a")] * 10, *[("dog", "ba", "b")] * 10)

    mined = mine(write_log(rows), corpus, EASY, held={text_key("red fox")})

    assert keys(mined.pairs) == [("dog", "b")]
    assert (mined.report.test_pairs, mined.report.test_queries, mined.report.pairs) == (1, 1, 1)
    with pytest.raises(DataError, match="the suite tests with"):
        mine(write_log(rows), corpus, EASY, held={text_key("red fox"), text_key("dog")})
