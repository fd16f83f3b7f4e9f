"""Logs in every format: the same rows; and what is wrong, with its line."""

import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchharness.errors import DataError, UsageError
from benchharness.pairs.clicks import fields
from benchharness.pairs.clicks.log import parse_columns, read_blocks


def rows_of(path, renamed=None, **options):
    """(line, row as a mapping of texts) of all blocks."""
    found = []
    for block in read_blocks(path, renamed, **options):
        columns = {name: column.to_pylist() for name, column in block.columns.items()}
        for place, line in enumerate(block.lines):
            found.append((line, {name: values[place] for name, values in columns.items()}))
    return found


ROWS = [
    {"impression_id": "p1", "query": "red fox", "doc_id": "d1", "rank": 1, "clicked": 1},
    {"impression_id": "p1", "query": "red fox", "doc_id": "d2", "rank": 2, "clicked": 0},
]


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.jsonl", "log.parquet"])
def test_every_format_holds_the_same_rows(write_log, name):
    """Rule: the values are texts, whatever the format's own types."""
    found = [row for _, row in rows_of(write_log(ROWS, name))]

    assert [{key: row[key] for key in ROWS[0]} for row in found] == [
        {key: str(value) for key, value in row.items()} for row in ROWS
    ]


def test_a_compressed_log_is_read_as_the_plain_one(write_log, tmp_path):
    plain = write_log(ROWS)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert rows_of(packed) == rows_of(plain)


def test_lines_are_counted_with_blank_ones_and_rows_of_parquet_from_1(write_log, tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("query,doc_id,rank,clicked,impression_id\n\na,d,1,0,p\n\n\nb,d,1,0,p\n")

    assert [line for line, _ in rows_of(path)] == [3, 6]
    assert [line for line, _ in rows_of(write_log(ROWS, "log.parquet"))] == [1, 2]


def test_a_csv_value_may_hold_commas_quotes_and_line_breaks(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('query,doc_id,rank,clicked,impression_id\n"a, ""b""\nc",d,1,0,p\n')

    [(line, row)] = rows_of(path)

    assert (line, row["query"]) == (3, 'a, "b"\nc')


def test_a_quote_in_a_tab_separated_log_is_an_inch(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text('query\tdoc_id\trank\tclicked\timpression_id\n"5 pipe\td\t1\t0\tp\n')

    assert rows_of(path)[0][1]["query"] == '"5 pipe'


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
def test_columns_are_renamed(write_log, name):
    rows = [{"position" if key == "rank" else key: v for key, v in row.items()} for row in ROWS]

    found = rows_of(write_log(rows, name), {"rank": "position"})

    assert [row["rank"] for _, row in found] == ["1", "2"]


def test_an_optional_field_may_come_late_in_json_lines(write_log):
    """Many logs write a dwell time with the clicked rows only."""
    found = rows_of(write_log([ROWS[1], ROWS[0] | {"dwell_s": 3.5}], "log.jsonl"))

    assert [row["dwell_s"] for _, row in found] == ["", "3.5"]


def test_missing_values_of_parquet_are_empty(write_log):
    found = rows_of(
        write_log([ROWS[0] | {"dwell_s": None}, ROWS[1] | {"dwell_s": 2.0}], "log.parquet")
    )

    assert [row["dwell_s"] for _, row in found] == ["", "2"]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
def test_a_log_without_ranks_is_refused_unless_nobody_asks_for_them(write_log, name):
    path = write_log([{k: v for k, v in row.items() if k != "rank"} for row in ROWS], name)

    with pytest.raises(DataError, match="without ranks") as refused:
        rows_of(path)

    assert "--no-debias" in refused.value.remedy
    assert len(rows_of(path, ranked=False)) == 2


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
def test_a_missing_column_is_named_with_those_that_are_near(write_log, name):
    rows = [{"docid" if key == "doc_id" else key: v for key, v in row.items()} for row in ROWS]

    with pytest.raises(DataError, match="no column 'doc_id'") as refused:
        rows_of(write_log(rows, name))

    assert "docid" in refused.value.remedy
    assert "--columns doc_id=NAME" in refused.value.remedy


HEAD = "query,doc_id,rank,clicked,impression_id\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (HEAD + "a,d,1,0,p\na,b,d,1,0,p\n", 3, "6 fields, the header 5"),
        (HEAD + 'a,d,1,0,p\n"a,d,1,0,p\n', 3, "cannot be read"),
        ("query,query,doc_id,rank,clicked,impression_id\n", 1, "two columns 'query'"),
        ("", 1, "no column 'query'"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(tmp_path, text, line, says):
    path = tmp_path / "log.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=says) as refused:
        rows_of(path)

    assert refused.value.where == f"{path}:{line}"
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not valid JSON"),
        ('{"query": ["a"]}', "a list or an object"),
        ('{"query": "\\ud800"}', "surrogate"),
    ],
)
def test_a_wrong_line_of_json_is_named(tmp_path, write_log, line, says):
    path = write_log(ROWS, "log.jsonl")
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(DataError, match=says) as refused:
        rows_of(path)

    assert refused.value.where == f"{path}:3"


def test_an_unknown_format_a_damaged_file_and_no_file_are_refused(tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no")

    with pytest.raises(DataError, match="which format"):
        rows_of(tmp_path / "log.xlsx")
    with pytest.raises(DataError, match="Parquet file cannot be read"):
        rows_of(tmp_path / "log.parquet")
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(DataError, match="no such file"):
            rows_of(tmp_path / name)


def test_renamings_are_read_from_one_word():
    assert parse_columns("rank=position, query=q,") == {"rank": "position", "query": "q"}


@pytest.mark.parametrize(("spelled", "says"), [("rank", "renames nothing"), ("rnk=a", "no column")])
def test_a_wrong_renaming_is_refused(spelled, says):
    with pytest.raises(UsageError, match=says):
        parse_columns(spelled)


def test_columns_of_parquet_may_have_their_own_types(tmp_path):
    """Rule: what data frames write: truth values, floats for ranks, categories, times, dates."""
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    table = pa.table(
        {
            "query": pa.array(["red fox", "red fox"]).dictionary_encode(),
            "doc_id": pa.array([7, 8]),
            "rank": pa.array([1.0, 2.0]),
            "clicked": pa.array([True, False]),
            "impression_id": pa.array([1, 1], pa.uint64()),
            "ts": pa.array([noon, None], pa.timestamp("us", tz="UTC")),
            "dwell_s": pa.array([2.5, None], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")

    first, second = (row for _, row in rows_of(tmp_path / "log.parquet"))

    assert (first["query"], first["doc_id"], first["impression_id"]) == ("red fox", "7", "1")
    assert (fields.rank(second["rank"]), fields.clicked(first["clicked"])) == (2, True)
    assert fields.timestamp(first["ts"]) == noon.timestamp()
    assert (first["dwell_s"], second["dwell_s"], second["ts"]) == ("2.5", "", "")


def test_a_column_of_lists_is_refused(tmp_path):
    rows = [{**ROWS[0], "query": ["a", "b"]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")

    with pytest.raises(DataError, match="cannot be read"):
        rows_of(tmp_path / "log.parquet")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_of_parquet_are_seconds(tmp_path, unit):
    """Rule: whatever their unit; 1500 ms is no visit of 1,500 s."""
    table = pa.table(
        {
            "impression_id": ["p1"], "query": ["q"], "doc_id": ["d"], "rank": [1], "clicked": [1],
            "dwell_s": pa.array([3], pa.duration("s")).cast(pa.duration(unit)),
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "log.parquet")

    [(_, row)] = rows_of(tmp_path / "log.parquet")

    assert float(row["dwell_s"]) == 3.0


def test_a_duration_in_another_column_of_parquet_is_refused(tmp_path):
    columns = {name: ["1"] for name in ("impression_id", "query", "doc_id", "clicked")}
    table = pa.table({**columns, "rank": pa.array([1], pa.duration("s"))})
    pq.write_table(table, tmp_path / "log.parquet")

    with pytest.raises(DataError, match="rank is a duration"):
        rows_of(tmp_path / "log.parquet")


def test_two_columns_of_one_name_in_parquet_are_refused(tmp_path):
    names = ["impression_id", "query", "doc_id", "clicked", "rank", "rank"]
    pq.write_table(pa.table([pa.array(["1"])] * 6, names), tmp_path / "log.parquet")

    with pytest.raises(DataError, match="two columns 'rank'"):
        rows_of(tmp_path / "log.parquet")
