"""The page as a file: self-contained, escaped, small, tolerant, and written where the run is."""

import copy
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import altair as alt
import pytest

from motet.cli.app import main
from motet.errors import ArtifactError
from motet.evaluation.report import render, write_report
from motet.evaluation.report.evidence import read_files
from motet.evaluation.report.page import embedded
from motet.system.files import sha256_file
from tests.evaluation.test_report_world import CONFIG, EVIL, cleaning, curves, folder, manifest, metrics, page


class Outline(HTMLParser):
    """Tags with their attributes, ids, and the text outside of scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open[-1:]):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def html():
    return page()


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


def specs(html):
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', html, flags=re.DOTALL)
    return json.loads(found[1])


def test_nothing_on_the_page_is_loaded_from_elsewhere(html, outline):
    loads = {
        "src",
        "srcset",
        "poster",
        "data",
        "action",
        "background",
        "xlink:href",
        "manifest",
        "formaction",
    }
    assert not [(tag, attrs) for tag, attrs in outline.tags if loads & set(attrs)]
    links = [attrs["href"] for _, attrs in outline.tags if "href" in attrs]
    assert all(link.startswith(("#", "data:")) for link in links)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style


def test_no_chart_names_an_address(html):
    assert "http" not in json.dumps(specs(html))
    assert '"url"' not in json.dumps(specs(html))


def test_every_chart_is_valid_vega_lite(html):
    for spec in specs(html).values():
        kind = alt.LayerChart if "layer" in spec else alt.Chart
        kind.from_dict(spec, validate=True)


def test_the_page_forbids_its_scripts_to_load_anything(outline):
    policy = next(attrs["content"] for tag, attrs in outline.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert policy.count("'sha256-") == 2


def test_the_page_is_small_and_holds_one_bundle(html):
    assert len(html.encode()) < 3_000_000
    assert html.count("window.vegaEmbed = ") + html.count("window.vegaEmbed=") == 1


def test_every_chart_has_a_specification_and_a_table_beside_it(html, outline):
    places = [attrs["data-chart"] for _, attrs in outline.tags if "data-chart" in attrs]
    assert sorted(places) == sorted(specs(html))
    assert len(places) == len(set(places))
    assert html.count('<details class="as-table">') == len(places)


def test_a_title_with_a_script_in_it_stays_text(html, outline):
    assert EVIL not in html
    assert EVIL in outline.text
    assert len([tag for tag, _ in outline.tags if tag == "script"]) == 3


def test_everything_from_the_run_is_escaped():
    config = CONFIG.replace("film-club", f"'{EVIL.replace(chr(39), '')}'").replace(
        "rating >= 4", "<img src=x>"
    )
    made = render({**metrics(), "statements": [EVIL]}, cleaning(), config, {**manifest(), "machine": EVIL})
    assert "<img src=x" not in made
    assert "<script>alert" not in made


def test_data_cannot_end_the_script_that_holds_it():
    text = embedded({"a": {"name": "</script><script>x", "value": float("nan")}})
    assert "<" not in text
    assert json.loads(text) == {"a": {"name": "</script><script>x", "value": None}}


def test_a_hurt_task_is_red_at_the_top_before_every_card(html, outline):
    assert html.index('class="alarm"') < html.index('class="card worse"') < html.index('class="card better"')
    assert "Sharing hurts “rating”" in outline.text


def test_a_run_without_a_hurt_task_raises_no_alarm():
    fine = {name: held for name, held in metrics()["transfer"].items() if name != "rating"}
    assert 'class="alarm"' not in page(transfer=fine)


def test_the_page_says_when_no_language_model_was_used():
    config = CONFIG.replace("{name: all-MiniLM-L6-v2, tuning: frozen}", "null")
    assert "without a language model" in render(metrics(), cleaning(), config, manifest())


def test_the_navigation_leads_to_every_section(outline):
    ids = {attrs["id"] for _, attrs in outline.tags if "id" in attrs}
    links = [attrs["href"][1:] for tag, attrs in outline.tags if tag == "a"]
    assert set(links) <= ids
    assert {"sharing", "results", "slices", "training", "cost", "data", "reproduce", "glossary"} <= set(links)


def test_headings_go_down_one_step_at_a_time(outline):
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_an_empty_run_still_makes_a_page():
    made = render({}, {}, "", {})
    assert "No task was measured in this run." in made
    assert "<script" not in made


@pytest.mark.parametrize("name", list(metrics()))
def test_any_part_of_the_metrics_may_be_missing_or_of_another_shape(name):
    rest = {key: held for key, held in metrics().items() if key not in (name, "plots")}
    for odd in (rest, {**rest, name: []}, {**rest, name: {"next": 3, "calibration": "x", "curves": [0]}}):
        assert "</html>" in render(odd, [], CONFIG, {})


def test_figures_that_are_not_numbers_are_printed_as_dashes():
    broken = metrics()
    for split in broken["tasks"]["like"].values():
        for held in split.values():
            held.update(value=float("nan"), low=None, high=float("inf"))
    broken["transfer"]["like"] = dict.fromkeys(broken["transfer"]["like"], float("nan"))
    made = render(broken, cleaning(), CONFIG, manifest())
    assert "nan" not in Outline(made).text.lower().replace("finance", "")
    assert "NaN" not in json.dumps(specs(made))


def test_a_configuration_that_cannot_be_read_is_shown_as_it_is():
    made = render(metrics(), cleaning(), "name: [broken", manifest())
    assert "name: [broken" in made
    assert "the run&#39;s configuration is missing" in made


def test_the_report_is_written_into_the_run(tmp_path):
    run = folder(tmp_path / "run")
    assert write_report(run) == run / "report.html"
    assert (run / "report.html").read_text(encoding="utf8").startswith("<!doctype html>")


def test_the_manifest_holds_the_new_hash_if_it_held_an_old_one(tmp_path):
    run = folder(tmp_path / "run")
    held = manifest()
    held["files"]["report.html"] = {"sha256": "0" * 64, "bytes": 1}
    (run / "manifest.json").write_text(json.dumps(held))
    page_file = write_report(run)
    kept = json.loads((run / "manifest.json").read_text())["files"]
    assert kept["report.html"]["sha256"] == sha256_file(page_file)
    assert kept["metrics.json"] == manifest()["files"]["metrics.json"]


def test_another_place_leaves_the_run_as_it_is(tmp_path):
    run = folder(tmp_path / "run")
    assert write_report(run, tmp_path / "other.html") == tmp_path / "other.html"
    assert write_report(run, tmp_path) == tmp_path / "report.html"
    assert not (run / "report.html").exists()


def test_curves_come_from_the_log_when_the_metrics_hold_none(tmp_path):
    run = folder(tmp_path / "run")
    held = metrics()
    held["plots"] = {}
    (run / "metrics.json").write_text(json.dumps(held))
    lines = [
        {"model": "joint", "event": "train", "epoch": 1, "loss": {"next": 5.1}},
        {"model": "joint", "event": "valid", "epoch": 1, "metrics": {"next": {"ndcg@10": 0.05}}},
    ]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"model": "jo')
    drawn = specs(write_report(run).read_text(encoding="utf8"))
    assert {"curve-next-loss", "curve-next-ndcg@10"} <= set(drawn)


def test_only_models_that_were_measured_are_drawn_from_the_log(tmp_path):
    run = folder(tmp_path / "run")
    held = metrics()
    held["plots"]["curves"] = [
        {"model": "joint", "epoch": 1, "task": "next", "name": "ndcg@10", "value": 0.1}
    ]
    (run / "metrics.json").write_text(json.dumps(held))
    lines = [
        {"model": model, "epoch": 1, "loss": {"next": 5.1}} for model in ("joint", "trial 1", "guard of next")
    ]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = read_files(run)[0]["plots"]["curves"]
    assert [point["model"] for point in found if point["name"] == "loss"] == ["joint"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"not a run \(a folder without metrics.json\).*motet train"):
        write_report(tmp_path)
    with pytest.raises(ArtifactError, match="no such folder"):
        write_report(tmp_path / "none")


def test_a_damaged_file_is_named(tmp_path):
    run = folder(tmp_path / "run")
    (run / "metrics.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"metrics.json is not JSON"):
        write_report(run)


def test_the_command_writes_the_page_and_refuses_other_folders(tmp_path, capsys):
    run = folder(tmp_path / "run")
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").stat().st_size > 100_000
    assert main(["report", str(tmp_path)]) == 2
    assert "not a run" in capsys.readouterr().err


def test_the_same_run_gives_the_same_page():
    assert copy.deepcopy(page()) == page()
    assert len(curves()) == 240
