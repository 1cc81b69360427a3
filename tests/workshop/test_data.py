import gzip
import hashlib
import os
import shutil
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pooch
import pytest

from course_utils.workshop import data
from tools import make_mnist_small

ROOT = Path(__file__).resolve().parents[2]
NAMES = data._MNIST_FILES["test"]


def zipped(content):
    return gzip.compress(content, mtime=0)  # the same bytes at any time of day


def idx(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return zipped(header + array.astype(np.uint8).tobytes())


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# --- shipped files


def test_old_faithful_holds_the_published_numbers():
    eruptions = data.old_faithful()
    assert eruptions.shape == (272, 2)
    assert eruptions.dtype == np.float64
    np.testing.assert_array_equal(eruptions[[0, 1, -1]], [[3.6, 79], [1.8, 54], [4.467, 74]])
    # R's summary(faithful)
    np.testing.assert_allclose(eruptions.mean(axis=0), [3.487783, 70.897059], atol=5e-7)
    np.testing.assert_array_equal(eruptions.min(axis=0), [1.6, 43])
    np.testing.assert_array_equal(eruptions.max(axis=0), [5.1, 96])


def test_old_faithful_is_found_from_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data.data_folder() == ROOT / "data"
    assert data.old_faithful().shape == (272, 2)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as if it were installed away from the course, and the working directory in a folder of its
    own."""
    monkeypatch.setattr(data, "__file__", str(tmp_path / "site-packages" / "course_utils" / "workshop" / "data.py"))
    (tmp_path / "stick" / "course" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "stick" / "course" / "notebooks")
    return tmp_path / "stick"


@pytest.mark.parametrize("where", ["course/notebooks/data", "course/data", "data"])
def test_shipped_files_are_found_above_the_working_directory(installed, where):
    shutil.copytree(ROOT / "data", installed / where, ignore=shutil.ignore_patterns("cache"))
    assert data.data_folder() == installed / where
    assert data.old_faithful().shape == (272, 2)


def test_a_data_folder_of_another_project_is_passed_over(installed):
    (installed / "course" / "data").mkdir()
    (installed / "data").mkdir()
    shutil.copy(ROOT / "data" / "old_faithful.csv", installed / "data")
    assert data.data_folder() == installed / "data"


def test_a_missing_data_folder_is_explained(installed):
    with pytest.raises(FileNotFoundError) as caught:
        data.old_faithful()
    message = str(caught.value)
    assert str(installed / "course" / "notebooks") in message
    assert "Copy the course's data folder next to this notebook" in message
    assert "pip install -e ." in message


def test_a_shipped_file_is_found_beside_the_package():
    assert data.data_file("mnist_plane.safetensors") == ROOT / "data" / "mnist_plane.safetensors"


def test_a_missing_shipped_file_is_explained(installed):
    (installed / "data").mkdir()
    shutil.copy(ROOT / "data" / "old_faithful.csv", installed / "data")
    with pytest.raises(FileNotFoundError) as caught:
        data.data_file("mnist_plane.safetensors")
    assert str(installed / "data" / "mnist_plane.safetensors") in str(caught.value)
    assert "git checkout -- data/mnist_plane.safetensors" in str(caught.value)


def test_old_faithful_survives_windows_line_ends_and_nothing_else(installed):
    folder = installed / "data"
    folder.mkdir()
    content = (ROOT / "data" / "old_faithful.csv").read_bytes()
    (folder / "old_faithful.csv").write_bytes(content.replace(b"\n", b"\r\n"))
    assert data.old_faithful().shape == (272, 2)
    (folder / "old_faithful.csv").write_bytes(content.replace(b"3.600,79", b"3.700,79"))
    with pytest.raises(ValueError, match="is not the published Old Faithful data") as caught:
        data.old_faithful()
    assert str(folder / "old_faithful.csv") in str(caught.value)
    assert "Restore the file" in str(caught.value)


def test_each_call_returns_an_array_of_its_own():
    data.old_faithful()[:] = 0
    assert data.old_faithful()[0, 0] == 3.6


def test_the_readme_lists_every_checksum():
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    shipped = (data._OLD_FAITHFUL_SHA256, data._MNIST_SMALL_SHA256)
    for checksum in (*shipped, *data._MNIST_SHA256.values(), *data._BINARISED_SHA256.values()):
        assert checksum in readme
    for name in data._MNIST_SHA256:
        assert name in readme
    assert data.DATA_VARIABLE in readme


def test_the_readme_says_what_each_shipped_file_is():
    """Every file in the folder has its row, and the row its size and checksum."""
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "data").iterdir():
        if path.is_file() and path.name != "README.md":
            content = path.read_bytes()
            assert f"| {path.name} | {len(content)} | {sha256(content)} |" in readme
            assert f"### {path.name}\n" in readme


def test_digits_are_images_between_zero_and_one():
    images, labels = data.digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float64
    assert images.min() == 0
    assert images.max() == 1
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels[:10], range(10))
    np.testing.assert_array_equal(np.unique(labels), range(10))


# --- a tenth of MNIST, which ships


@pytest.mark.parametrize(("split", "per_digit"), [("train", 600), ("test", 100)])
def test_the_shipped_part_of_mnist_has_as_many_of_each_digit(split, per_digit):
    images, labels = data.mnist_small(split)
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    assert images.shape == (10 * per_digit, 28, 28)
    assert (images.min(), images.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, per_digit))
    # mixed: a batch of the first hundred rows sees every digit
    assert set(labels[:100]) == set(range(10))
    assert images.mean(dtype=np.float64) == pytest.approx(0.131, abs=0.003)  # MNIST's: 0.1307 and 0.1325
    # each level is a whole number of 255ths, and all of them occur
    levels = np.unique(images * 255)
    np.testing.assert_allclose(levels, range(256), atol=1e-4)


def test_no_image_of_the_shipped_part_occurs_twice():
    images = np.concatenate([data.mnist_small(split)[0] for split in ("train", "test")])
    assert len({image.tobytes() for image in images}) == 7000


def test_the_shipped_part_reads_like_the_whole_and_does_not_look_at_it(small, monkeypatch):
    monkeypatch.setenv(data.DATA_VARIABLE, str(small.cache / "nowhere"))
    images, labels = data.mnist_small("test")
    images[:], labels[:] = 0, 0
    assert data.mnist_small("test")[0].max() == 1
    assert data.mnist_small()[0].shape == (6000, 28, 28)


@pytest.mark.parametrize("damage", [lambda whole: whole[:1000], lambda whole: b"", lambda whole: whole + b"x"])
def test_a_damaged_shipped_part_is_reported(installed, damage):
    folder = installed / "data"
    folder.mkdir()
    shutil.copy(ROOT / "data" / "old_faithful.csv", folder)
    content = damage((ROOT / "data" / "mnist_small.npz").read_bytes())
    (folder / "mnist_small.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged or is another file") as caught:
        data.mnist_small()
    message = str(caught.value)
    assert str(folder / "mnist_small.npz") in message
    assert data._MNIST_SMALL_SHA256 in message and sha256(content) in message
    assert "Restore the file" in message


def test_a_missing_shipped_part_is_explained(installed):
    (installed / "data").mkdir()
    shutil.copy(ROOT / "data" / "old_faithful.csv", installed / "data")
    with pytest.raises(FileNotFoundError, match=r"git checkout -- data/mnist_small\.npz"):
        data.mnist_small()


def test_an_unknown_split_of_the_shipped_part_is_named():
    with pytest.raises(ValueError, match=r"^split must be one of 'train', 'test'; got 'valid'$"):
        data.mnist_small("valid")


def test_as_many_of_each_digit_are_chosen_once_each_and_stay_in_order():
    labels = np.random.default_rng(1).integers(0, 10, size=500)
    rows = make_mnist_small.chosen_rows(labels, 20, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(labels[rows]), np.full(10, 20))
    assert np.all(np.diff(rows) > 0)
    assert np.any(rows != make_mnist_small.chosen_rows(labels, 20, np.random.default_rng(1)))
    with pytest.raises(ValueError, match="larger sample than population"):
        make_mnist_small.chosen_rows(labels, 200, np.random.default_rng(0))


def test_the_command_makes_the_shipped_part_again(tmp_path, monkeypatch, capsys):
    try:
        whole = {split: {image.tobytes() for image in data.mnist(split)[0]} for split in ("train", "test")}
    except FileNotFoundError as error:
        pytest.skip(f"needs MNIST's files in the folder named by {data.DATA_VARIABLE}: {error}".splitlines()[0])
    contents = []
    for name in ("once.npz", "again.npz"):
        monkeypatch.setattr(make_mnist_small, "TARGET", tmp_path / name)
        make_mnist_small.main()
        contents.append((tmp_path / name).read_bytes())
        printed = capsys.readouterr().out
        assert printed == f"{name}: {len(contents[-1])} bytes, sha256 {sha256(contents[-1])}\n"
    assert contents[0] == contents[1]
    with np.load(tmp_path / "once.npz") as made, np.load(ROOT / "data" / "mnist_small.npz") as shipped:
        assert sorted(made) == sorted(shipped)
        for name in made:
            assert made[name].dtype == shipped[name].dtype == np.uint8
            np.testing.assert_array_equal(made[name], shipped[name])
    for split, other in (("train", "test"), ("test", "train")):
        chosen = {image.tobytes() for image in data.mnist_small(split)[0]}
        assert chosen <= whole[split]
        assert not chosen & whole[other]


# --- MNIST, in small


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A tiny MNIST under the real names, and a cache in a temporary folder; no folder of the user's, no
    network."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, size=(5, 28, 28)), rng.integers(0, 10, size=5)
    images[0, 0, :2] = [0, 255]
    files = dict(zip(NAMES, (idx(images), idx(labels)), strict=True))
    cache = tmp_path / "cache"
    monkeypatch.delenv(data.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(data, "_MNIST_SHA256", {name: sha256(content) for name, content in files.items()})
    monkeypatch.setattr(data, "_MNIST_MIRRORS", ())
    monkeypatch.setattr(data, "_cache_folders", lambda: [cache])
    return SimpleNamespace(images=images, labels=labels, files=files, cache=cache)


@pytest.fixture
def serve():
    """A function that starts a mirror on this machine: it takes what to answer, by file name, and returns its
    URL."""
    servers = []

    def start(answers, status=200, promise=None):
        class Mirror(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rsplit("/", 1)[-1]
                mirror.requests.append(name)
                self.send_response(status)
                self.send_header("Content-Length", str(promise or len(answers[name])))
                self.end_headers()
                self.wfile.write(answers[name])

            def log_message(self, *arguments):
                pass

        mirror = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
        mirror.requests = []
        threading.Thread(target=mirror.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(mirror)
        mirror.url = f"http://127.0.0.1:{mirror.server_port}/mnist/"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_is_small_mnist(result, small):
    images, labels = result
    assert images.dtype == np.float32
    assert images.shape == (5, 28, 28)
    np.testing.assert_allclose(images, small.images / 255, rtol=1e-6)
    np.testing.assert_array_equal(images[0, 0, :2], [0, 1])
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, small.labels)


def test_mnist_is_read_from_the_cache(small):
    put(small.cache, small.files)
    assert_is_small_mnist(data.mnist("test"), small)


def test_mnist_is_read_from_the_users_folder_first(small, tmp_path, monkeypatch):
    put(tmp_path / "own", small.files)
    put(small.cache, dict.fromkeys(NAMES, b"damaged"))
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "own"))
    assert_is_small_mnist(data.mnist("test"), small)


def test_mnist_falls_back_to_the_cache_where_the_users_folder_lacks_a_file(small, tmp_path, monkeypatch):
    put(tmp_path / "own", {NAMES[0]: small.files[NAMES[0]]})
    put(small.cache, {NAMES[1]: small.files[NAMES[1]]})
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "own"))
    assert_is_small_mnist(data.mnist("test"), small)


def test_mnist_touches_no_network_unless_asked(small, serve, tmp_path, monkeypatch):
    mirror = serve(small.files)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (mirror.url,))
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist("test")
    assert mirror.requests == []
    assert not small.cache.exists()
    message = str(caught.value)
    assert f"{NAMES[0]} was not found in {tmp_path} or {small.cache}" in message
    assert "mnist('test', download=True)" in message
    assert f"in the environment variable {data.DATA_VARIABLE}:" in message
    for name in NAMES:
        assert f"{name}  sha256 {sha256(small.files[name])}" in message


def test_mnist_is_downloaded_once_when_asked(small, serve, monkeypatch, capsys):
    mirror = serve(small.files)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (mirror.url,))
    assert_is_small_mnist(data.mnist("test", download=True), small)
    assert contents(small.cache) == small.files
    printed = capsys.readouterr()
    for name in NAMES:
        assert f"Downloading {mirror.url}{name} to {small.cache}" in printed.out
    assert "100%" in printed.err  # the progress bar
    assert_is_small_mnist(data.mnist("test", download=True), small)
    assert_is_small_mnist(data.mnist("test"), small)
    assert mirror.requests == list(NAMES)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_downloads_are_readable_by_those_whom_the_umask_allows(small, serve, monkeypatch):
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (serve(small.files).url,))
    previous = os.umask(0o022)
    try:
        data.mnist("test", download=True)
    finally:
        os.umask(previous)
    assert (small.cache / NAMES[0]).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("damage", [lambda content: content[:10], lambda content: b"", lambda content: content + b"x"])
def test_a_damaged_file_in_the_cache_is_reported_and_replaced(small, serve, monkeypatch, damage):
    mirror = serve(small.files)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (mirror.url,))
    put(small.cache, {**small.files, NAMES[1]: damage(small.files[NAMES[1]])})
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist("test")
    assert f"{NAMES[1]} is damaged: {small.cache / NAMES[1]}. Call mnist('test', download=True)" in str(caught.value)
    assert_is_small_mnist(data.mnist("test", download=True), small)
    assert contents(small.cache) == small.files
    assert mirror.requests == [NAMES[1]]


def test_a_damaged_file_in_the_users_folder_is_reported_and_left_alone(small, serve, tmp_path, monkeypatch):
    mirror = serve(small.files)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (mirror.url,))
    put(tmp_path / "own", {**small.files, NAMES[0]: b"mine"})
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "own"))
    with pytest.raises(ValueError, match="is damaged or is another file") as caught:
        data.mnist("test", download=True)
    message = str(caught.value)
    assert str(tmp_path / "own" / NAMES[0]) in message
    assert sha256(b"mine") in message
    assert data._MNIST_SHA256[NAMES[0]] in message
    assert "It was left as it is" in message
    assert (tmp_path / "own" / NAMES[0]).read_bytes() == b"mine"
    assert mirror.requests == []


def test_a_users_folder_that_does_not_exist_is_reported(small, tmp_path, monkeypatch):
    put(small.cache, small.files)
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=f"{data.DATA_VARIABLE} names .*nowhere, which is not a folder"):
        data.mnist("test")


def test_an_empty_variable_counts_as_none(small, monkeypatch):
    put(small.cache, small.files)
    monkeypatch.setenv(data.DATA_VARIABLE, "")
    assert_is_small_mnist(data.mnist("test"), small)


def test_a_wrong_file_from_every_mirror_leaves_nothing_and_is_reported(small, serve, monkeypatch):
    wrong = dict.fromkeys(NAMES, b"<html>please log in</html>")
    mirrors = [serve(wrong), serve(wrong)]
    monkeypatch.setattr(data, "_MNIST_MIRRORS", tuple(mirror.url for mirror in mirrors))
    with pytest.raises(ConnectionError) as caught:
        data.mnist("test", download=True)
    message = str(caught.value)
    for mirror in mirrors:
        assert f"{mirror.url}: the file that came has the wrong sha256, {sha256(wrong[NAMES[0]])}" in message
    assert f"put them in a folder and name it in the environment variable {data.DATA_VARIABLE}" in message
    assert contents(small.cache) == {}


def test_the_second_mirror_is_tried_when_the_first_fails(small, serve, monkeypatch):
    mirrors = [serve(small.files, status=503), serve(small.files)]
    monkeypatch.setattr(data, "_MNIST_MIRRORS", tuple(mirror.url for mirror in mirrors))
    assert_is_small_mnist(data.mnist("test", download=True), small)
    assert [mirror.requests for mirror in mirrors] == [list(NAMES), list(NAMES)]


def test_a_broken_connection_leaves_nothing(small, serve, monkeypatch):
    half = {name: content[: len(content) // 2] for name, content in small.files.items()}
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (serve(half, promise=100_000).url,))
    with pytest.raises(ConnectionError, match=f"^{NAMES[0]} could not be downloaded"):
        data.mnist("test", download=True)
    assert contents(small.cache) == {}


def test_no_network_gives_a_sentence_that_says_where_to_put_the_files(small, serve, monkeypatch):
    closed = serve(small.files)
    closed.shutdown()
    closed.server_close()
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (closed.url,))
    with pytest.raises(ConnectionError) as caught:
        data.mnist("test", download=True)
    message = str(caught.value)
    assert message.startswith(f"{NAMES[0]} could not be downloaded ({closed.url}: ")
    assert "Try again later, or get these files in another way, put them in a folder and name it" in message
    for name in NAMES:
        assert f"\n  {name}  sha256 {data._MNIST_SHA256[name]}" in message


def test_an_interrupted_download_leaves_the_cache_as_it_was(small, monkeypatch):
    class Interrupted:
        def __init__(self, **options):
            pass

        def __call__(self, url, output_file, pooch):
            Path(output_file).write_bytes(b"half a fi")
            raise KeyboardInterrupt

    monkeypatch.setattr(pooch, "HTTPDownloader", Interrupted)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", ("http://127.0.0.1/",))
    put(small.cache, {NAMES[0]: b"damaged before"})
    with pytest.raises(KeyboardInterrupt):
        data.mnist("test", download=True)
    assert contents(small.cache) == {NAMES[0]: b"damaged before"}


def test_downloads_that_race_all_succeed_and_leave_whole_files(small, serve, monkeypatch):
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (serve(small.files).url,))
    runners = 6
    barrier = threading.Barrier(runners)
    download = data._download

    def together(name, split, folder):
        if name == NAMES[0]:
            barrier.wait(timeout=30)  # nobody finds the file of another: all of them fetch it
        return download(name, split, folder)

    monkeypatch.setattr(data, "_download", together)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(data.mnist("test", download=True))) for _ in range(runners)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == runners
    for result in results:
        assert_is_small_mnist(result, small)
    assert contents(small.cache) == small.files


def test_a_file_that_another_process_has_just_stored_may_be_in_use(small, serve, monkeypatch):
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (serve(small.files).url,))

    def refuse(source, target):
        # as Windows does while the file that the other process put there is open
        Path(target).write_bytes(stored)
        raise PermissionError("in use")

    monkeypatch.setattr(data.os, "replace", refuse)
    small.cache.mkdir()
    stored = b"damaged"
    with pytest.raises(PermissionError, match="in use"):
        data._download(NAMES[0], "test", small.cache)
    stored = small.files[NAMES[0]]
    assert data._download(NAMES[0], "test", small.cache) == stored


def test_a_cache_that_cannot_be_written_to_is_passed_over(small, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (serve(small.files).url,))
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setattr(data, "_cache_folders", lambda: [blocked / "cache", small.cache])
    assert_is_small_mnist(data.mnist("test", download=True), small)
    assert contents(small.cache) == small.files


def test_no_folder_to_write_to_is_reported(small, serve, tmp_path, monkeypatch):
    mirror = serve(small.files)
    monkeypatch.setattr(data, "_MNIST_MIRRORS", (mirror.url,))
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setattr(data, "_cache_folders", lambda: [blocked / "cache"])
    with pytest.raises(PermissionError) as caught:
        data.mnist("test", download=True)
    message = str(caught.value)
    assert f"it is not possible to write to {blocked / 'cache'}" in message
    assert f"name it in the environment variable {data.DATA_VARIABLE}" in message
    assert mirror.requests == []


def test_a_read_only_folder_is_reported(small):
    small.cache.mkdir()
    small.cache.chmod(0o500)
    if os.access(small.cache, os.W_OK):
        pytest.skip("this user, or this system, may write to a read-only folder")
    with pytest.raises(PermissionError, match="it is not possible to write to"):
        data.mnist("test", download=True)


def test_the_cache_is_in_the_checkout_or_else_personal(installed, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda name: Path("personal") / name)
    assert data._cache_folders() == [Path("personal") / "vae-course"]
    monkeypatch.setattr(data, "__file__", str(ROOT / "course_utils" / "workshop" / "data.py"))
    assert data._cache_folders() == [ROOT / "data" / "cache", Path("personal") / "vae-course"]


@pytest.mark.parametrize("split", ["valid", "", "Train"])
def test_an_unknown_split_is_named(split):
    with pytest.raises(ValueError, match=f"^split must be one of 'train', 'test'; got '{split}'$"):
        data.mnist(split)


# --- MNIST in black and white


@pytest.fixture
def binarised(tmp_path, monkeypatch):
    """Tiny splits, the file that holds them in a folder of the user's, and an empty cache."""
    rng = np.random.default_rng(1)
    images = {split: rng.integers(0, 2, size=(rows, 784)) for split, rows in (("train", 6), ("valid", 3), ("test", 4))}
    packed = {split: np.packbits(pixels.astype(np.uint8), axis=1) for split, pixels in images.items()}
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    np.savez(own / data._BINARISED_FILE, **packed)
    monkeypatch.setenv(data.DATA_VARIABLE, str(own))
    monkeypatch.setattr(data, "_cache_folders", lambda: [cache])
    checksums = {split: sha256(bits.tobytes()) for split, bits in packed.items()}
    monkeypatch.setattr(data, "_BINARISED_SHA256", checksums)
    return SimpleNamespace(images=images, packed=packed, own=own, cache=cache, file=own / data._BINARISED_FILE)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_binarised_mnist_is_unpacked(binarised, split):
    images = data.mnist_binarised(split)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, binarised.images[split].reshape(-1, 28, 28))


def test_binarised_mnist_is_read_from_the_cache_too(binarised, monkeypatch):
    binarised.cache.mkdir()
    binarised.file.rename(binarised.cache / data._BINARISED_FILE)
    expected = binarised.images["test"].reshape(-1, 28, 28)
    np.testing.assert_array_equal(data.mnist_binarised("test"), expected)
    monkeypatch.delenv(data.DATA_VARIABLE)
    np.testing.assert_array_equal(data.mnist_binarised("test"), expected)


def test_the_recipe_of_the_message_makes_a_file_that_is_accepted(binarised, tmp_path, monkeypatch):
    binarised.file.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist_binarised("train")
    message = str(caught.value)
    assert f"{data._BINARISED_FILE} was not found in {binarised.own} or {binarised.cache}" in message
    assert "no download" in message and "Larochelle's binarised MNIST" in message and data.DATA_VARIABLE in message
    recipe = message[message.index("import numpy") :].replace("\n  ", "\n")
    assert recipe in (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(binarised.own)
    for split, images in binarised.images.items():
        np.savetxt(f"binarized_mnist_{split}.amat", images, fmt="%d")
    exec(recipe, {})
    for split, images in binarised.images.items():
        np.testing.assert_array_equal(data.mnist_binarised(split), images.reshape(-1, 28, 28))


def test_other_images_are_refused_and_left_alone(binarised):
    np.savez(binarised.file, **binarised.packed | {"test": binarised.packed["test"][::-1]})
    before = binarised.file.read_bytes()
    assert data.mnist_binarised("valid").shape == (3, 28, 28)
    with pytest.raises(ValueError, match="holds other images: the sha256 of 'test' should be") as caught:
        data.mnist_binarised("test")
    assert str(binarised.file) in str(caught.value) and "Larochelle" in str(caught.value)
    assert binarised.file.read_bytes() == before


@pytest.mark.parametrize("damage", ["half of it", "nothing", "text", "a split too few", "pickled objects"])
def test_a_damaged_file_of_binarised_mnist_is_reported(binarised, damage):
    if damage == "a split too few":
        np.savez(binarised.file, train=binarised.packed["train"])
    elif damage == "pickled objects":
        np.savez(binarised.file, test=np.array([{}, None], dtype=object))
    else:
        whole = binarised.file.read_bytes()
        binarised.file.write_bytes({"half of it": whole[: len(whole) // 2], "nothing": b"", "text": b"text"}[damage])
    with pytest.raises(ValueError, match="must be a whole npz file with the array 'test'; ") as caught:
        data.mnist_binarised("test")
    assert str(binarised.file) in str(caught.value) and "np.savez_compressed" in str(caught.value)


def test_an_unknown_split_of_binarised_mnist_is_named():
    with pytest.raises(ValueError, match=r"^split must be one of 'train', 'valid', 'test'; got 'all'$"):
        data.mnist_binarised("all")


def test_binarised_mnist_is_a_draw_from_mnist():
    try:
        drawn, (grey, _) = data.mnist_binarised("test"), data.mnist("test")
    except FileNotFoundError as error:
        pytest.skip(f"{data.DATA_VARIABLE} names no folder with both files: {error}".splitlines()[0])
    assert drawn.shape == (10_000, 28, 28)
    # The rows of both are in different order; sums over all images do not see it. Pixels are drawn independently, so
    # the number of images with ink at a pixel has a known variance.
    variance = (grey * (1 - grey)).sum(axis=0)
    error = drawn.sum(axis=0, dtype=np.float64) - grey.sum(axis=0, dtype=np.float64)
    assert np.all(np.abs(error) <= 5 * np.sqrt(variance) + 1e-3)


# --- the idx format


def test_idx_files_of_any_rank_are_decoded():
    for shape in [(3,), (2, 3), (2, 3, 4), (0, 28, 28)]:
        array = np.arange(np.prod(shape)).reshape(shape)
        np.testing.assert_array_equal(data._parse_idx(idx(array), "x.gz"), array)


WHOLE = idx(np.random.default_rng(0).integers(0, 256, size=(20, 28, 28)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(WHOLE[:-100], "x.gz must be a complete gzip file; ", id="without its end"),
        pytest.param(WHOLE[:5], "x.gz must be a complete gzip file; ", id="five bytes"),
        pytest.param(b"not gzip", "x.gz must be a complete gzip file; ", id="no gzip file"),
        pytest.param(
            WHOLE[:60] + b"\x00" * 40 + WHOLE[100:], "x.gz must be a complete gzip file; ", id="damaged in the middle"
        ),
        pytest.param(
            zipped(b""), "x.gz must be an idx file of unsigned bytes, 000008…; it begins with ", id="nothing inside"
        ),
        pytest.param(
            zipped(b"\x00\x00\x0d\x01\x00\x00\x00\x00"),
            "x.gz must be an idx file of unsigned bytes, 000008…; it begins with 00000d01",
            id="floats inside",
        ),
        pytest.param(
            zipped(b"\x00\x00\x08\x03\x00\x00"),
            "x.gz must have a header of 16 bytes; it has 6 in all",
            id="half a header",
        ),
        pytest.param(
            zipped(struct.pack(">BBBBII", 0, 0, 8, 2, 3, 4) + bytes(11)),
            "x.gz must hold 12 entries, in the shape (3, 4); it holds 11",
            id="one entry too few",
        ),
        pytest.param(
            zipped(struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes(4)),
            "x.gz must hold 3 entries, in the shape (3,); it holds 4",
            id="one entry too many",
        ),
    ],
)
def test_broken_idx_files_are_described(content, message):
    with pytest.raises(ValueError, match=r"x\.gz must") as caught:
        data._parse_idx(content, "x.gz")
    assert str(caught.value).startswith(message)


# --- MNIST itself, where the user has it


@pytest.mark.parametrize(
    ("split", "count", "first_labels", "mean"),
    [("train", 60_000, [5, 0, 4, 1, 9], 0.1307), ("test", 10_000, [7, 2, 1, 0, 4], 0.1325)],
)
def test_the_real_mnist_is_as_published(split, count, first_labels, mean):
    own = os.environ.get(data.DATA_VARIABLE)
    if not own or not all((Path(own) / name).is_file() for name in data._MNIST_FILES[split]):
        pytest.skip(f"needs MNIST's files in the folder named by {data.DATA_VARIABLE}")
    images, labels = data.mnist(split)
    assert images.shape == (count, 28, 28)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)
    assert images.mean(dtype=np.float64) == pytest.approx(mean, abs=5e-5)
    np.testing.assert_array_equal(labels[:5], first_labels)
    assert set(np.unique(labels)) == set(range(10))
