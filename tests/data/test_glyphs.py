"""Drawn characters: digits, any alphabet, any font, colors, GB2312."""

from pathlib import Path

import pytest
import torch
from PIL import ImageFont

from gan_zoo.data.glyphs import ChineseGlyphs, Glyphs, gb2312_level_1
from gan_zoo.schema import ConfigError

CHINESE = sorted(Path("/usr/share/fonts").rglob("ukai.ttc")) + sorted(
    Path("/usr/share/fonts").rglob("wqy-zenhei.ttc")
)


@pytest.fixture(scope="module")
def bundled_font(tmp_path_factory):
    """Pillow's own font as a file."""
    path = tmp_path_factory.mktemp("fonts") / "bundled.ttf"
    font = ImageFont.load_default(20)
    if not hasattr(font, "font_bytes"):
        pytest.skip("this Pillow was built without FreeType")
    path.write_bytes(font.font_bytes)
    return str(path)


def test_glyphs_have_requested_size_and_classes():
    samples = Glyphs(alphabet="IO", size=20, count=200).load()
    assert samples.x.shape == (200, 1, 20, 20)
    assert samples.x.dtype == torch.uint8
    assert samples.num_classes == 2
    assert samples.y.unique().tolist() == [0, 1]
    centers = samples.x[:, 0, 9:11, 9:11].float().mean((1, 2))
    bars, rings = centers[samples.y == 0], centers[samples.y == 1]
    assert bars.quantile(0.05) > 40 > 10 > rings.quantile(0.95)


def test_no_warp_keeps_the_glyph():
    still = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0}
    samples = Glyphs(alphabet="L", size=32, count=3, **still).load()
    assert torch.equal(samples.x[0], samples.x[1])
    ink = (samples.x[0, 0] > 127).nonzero().float()
    center = (ink.amax(0) + ink.amin(0)) / 2
    assert torch.allclose(center, torch.full((2,), 15.5), atol=1.01)
    assert samples.x[0, 0, :, :16].float().sum() > 1.5 * samples.x[0, 0, :, 16:].float().sum()


def test_color_glyphs_are_bright_on_dark():
    samples = Glyphs(channels=3, count=50).load()
    assert samples.x.shape == (50, 3, 28, 28)
    flat = samples.x.flatten(2).float()
    paper, ink = flat.amin(-1), flat.amax(-1)
    assert (paper <= 103).all()
    assert (ink >= 120).all()
    assert paper.unique(dim=0).shape[0] == 50  # a color of its own for each image


def test_train_and_test_differ_and_seeds_repeat():
    dataset = Glyphs(count=100)
    assert len(dataset.load("test")) == 20
    assert dataset.load().fingerprint() == Glyphs(count=100).load().fingerprint()
    assert dataset.load().fingerprint() != Glyphs(count=100, seed=1).load().fingerprint()
    train = {image.numpy().tobytes() for image in dataset.load().x}
    assert not train & {image.numpy().tobytes() for image in dataset.load("test").x}


def test_font_file_equals_bundled_font(bundled_font):
    named = Glyphs(fonts=(bundled_font,), count=50).load()
    assert torch.equal(named.y, Glyphs(count=50).load().y)
    assert (named.x.float() - Glyphs(count=50).load().x.float()).abs().mean() < 2


def test_missing_glyphs_are_named():
    with pytest.raises(ConfigError, match=r"no glyph for 漢 \(U\+6F22\) 字 \(U\+5B57\)"):
        Glyphs(alphabet="A漢字B").load()
    with pytest.raises(ConfigError, match=r"U\+0020"):
        Glyphs(alphabet="a b").load()


def test_not_a_font_is_an_error(tmp_path):
    (tmp_path / "a.ttf").write_bytes(b"not a font")
    with pytest.raises(ConfigError, match=r"a\.ttf: is no font file"):
        Glyphs(fonts=(str(tmp_path / "a.ttf"),)).load()
    with pytest.raises(ConfigError, match=r"fonts\[0\]=nowhere\.ttf: is no file"):
        Glyphs(fonts=("nowhere.ttf",))


@pytest.mark.parametrize("alphabet", ["", "abca"])
def test_alphabets_name_each_character_once(alphabet):
    with pytest.raises(ConfigError, match=r"^alphabet="):
        Glyphs(alphabet=alphabet)


def test_level_1_matches_gb2312():
    characters = gb2312_level_1()
    assert len(characters) == len(set(characters)) == 3755
    assert (characters[0], characters[-1]) == ("啊", "座")
    assert characters[39 * 94 - 1].encode("gb2312") == bytes([0xA0 + 54, 0xA0 + 94])


def test_chinese_glyphs_without_fonts_name_the_packages():
    with pytest.raises(ConfigError, match=r"fonts-arphic-ukai.*fonts-noto-cjk") as error:
        ChineseGlyphs()
    assert "\n" not in str(error.value)


def test_font_without_chinese_is_an_error(bundled_font):
    with pytest.raises(ConfigError, match=r"no glyph for 啊 .* and 3,735 more"):
        ChineseGlyphs(fonts=(bundled_font,)).load()


@pytest.mark.skipif(not CHINESE, reason="needs fonts-arphic-ukai or fonts-wqy-zenhei")
def test_chinese_glyphs_have_requested_classes():
    fonts = tuple(map(str, CHINESE))
    samples = ChineseGlyphs(fonts=fonts, classes=300, count=900).load()
    assert (samples.shape, samples.num_classes) == ((1, 28, 28), 300)
    assert samples.y.max() < 300
    assert (samples.x.amax((1, 2, 3)) > 100).all()  # no empty image
