"""Public data from fake archives; no network."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from motet.data.public import ORIGINS, Origin, movielens_100k, read_atomic, read_official
from motet.errors import DataError

FOLDER = "recbole/dataset_example/ml-100k/ml-100k"
ATOMIC = {
    f"{FOLDER}.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t2\t4\t881250949\n",
    f"{FOLDER}.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "2\tToy Story\t1995\tAnimation Children's\n1\tunkonwn\tunkonwn\tunknown\n"
    ),
    f"{FOLDER}.user": (
        "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n7\t24\tM\twriter\t01234\n"
    ),
}
OFFICIAL = {
    "ml-100k/u.data": "7\t2\t4\t881250949\n",
    "ml-100k/u.genre": "unknown|0\nAnimation|1\nChildren's|2\n\n",
    "ml-100k/u.item": "1|unknown||||1|0|0\n2|Toy Story (1995)|01-Jan-1995||http://x|0|1|1\n",
    "ml-100k/u.user": "7|24|M|writer|01234\n",
}


def origin(folder: Path, files: dict[str, str], read, digest: str | None = None) -> Origin:
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text.encode("latin-1"))
    digest = digest or hashlib.sha256(archive.read_bytes()).hexdigest()
    return Origin("a fake", lambda _: archive, "sha256", digest, read)


def unreachable() -> Origin:
    def fetch(_: Path) -> Path:
        raise OSError("no route to host")

    return Origin("far away", fetch, "md5", "", read_official)


@pytest.mark.parametrize(("files", "read"), [(ATOMIC, read_atomic), (OFFICIAL, read_official)])
def test_both_layouts_end_in_the_same_files(tmp_path, files, read):
    folder = movielens_100k(tmp_path, [origin(tmp_path, files, read)])
    assert (folder / "events.csv").read_text() == "user_id,item_id,rating,timestamp\n7,2,4,881250949\n"
    assert (
        folder / "items.csv"
    ).read_text() == "item_id,title,year,genres\n1,unknown,,\n2,Toy Story,1995,Animation|Children's\n"
    assert (
        folder / "users.csv"
    ).read_text() == "user_id,age,gender,occupation,zip_code\n7,24,M,writer,01234\n"


def test_the_second_origin_is_tried_when_the_first_cannot_be_reached(tmp_path):
    origins = [unreachable(), origin(tmp_path, ATOMIC, read_atomic)]
    assert (movielens_100k(tmp_path, origins) / "events.csv").is_file()


def test_what_was_fetched_once_is_used_again(tmp_path):
    movielens_100k(tmp_path, [origin(tmp_path, ATOMIC, read_atomic)])
    assert movielens_100k(tmp_path, [unreachable()]) == tmp_path / "ml-100k"


def test_a_damaged_folder_is_fetched_again(tmp_path):
    origins = [origin(tmp_path, ATOMIC, read_atomic)]
    events = movielens_100k(tmp_path, origins) / "events.csv"
    whole = events.read_text()
    events.write_text("changed")
    movielens_100k(tmp_path, origins)
    assert events.read_text() == whole


def test_no_origin_at_all_says_what_to_do(tmp_path):
    with pytest.raises(
        DataError, match=r"could not be fetched \(far away: no route to host\). On a machine with"
    ):
        movielens_100k(tmp_path, [unreachable()])


def test_another_hash_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"but 1234 was expected. It is damaged or not the original"):
        movielens_100k(tmp_path, [origin(tmp_path, ATOMIC, read_atomic, "1234")])
    assert not (tmp_path / "ml-100k").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "C:\\x", "a/../../b"])
def test_odd_members_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="the archive has the odd member"):
        movielens_100k(tmp_path, [origin(tmp_path, ATOMIC | {name: "x"}, read_atomic)])


def test_links_are_refused(tmp_path):
    made = origin(tmp_path, ATOMIC, read_atomic)
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "archive.zip", "a") as opened:
        opened.writestr(link, "/etc/passwd")
    digest = hashlib.sha256((tmp_path / "archive.zip").read_bytes()).hexdigest()
    with pytest.raises(DataError, match="odd member 'link'"):
        movielens_100k(tmp_path, [Origin("a fake", made.fetch, "sha256", digest, read_atomic)])


def test_the_true_origins_are_checked_by_their_published_hashes():
    assert [each.algorithm for each in ORIGINS] == ["md5", "sha256"]
    assert [len(each.digest) for each in ORIGINS] == [32, 64]


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    (tmp_path / "ml-100k").mkdir()
    with pytest.raises(DataError, match="is there already and was not made by Motet"):
        movielens_100k(tmp_path, [unreachable()])
