"""The report in a real browser: its policy lets its own scripts run, and every chart is drawn."""

import shutil
import subprocess

import pytest

from tests.evaluation.test_report_world import page

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_draws_every_chart(tmp_path):
    html = page()
    (tmp_path / "report.html").write_text(html, encoding="utf8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    place = (tmp_path / "report.html").as_uri()
    command = [BROWSER, *flags, "--virtual-time-budget=10000", "--dump-dom", place]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    body = drawn.split('id="charts"')[0]
    assert body.count("<svg") == html.count('data-chart="') > 10
    assert "could not be drawn" not in body
