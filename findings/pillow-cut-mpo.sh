#!/usr/bin/env bash
# Pillow 13.0.0 (and 10.1.0): a JPEG that holds one picture and ends with it is an MPO of two.
#
# Phones write a second picture (depth, gain map) behind the first, and a list of both into the first one's header (the
# MPF segment, CIPA DC-007). Whoever sends the first picture alone, cut at its own end marker, has a whole JPEG: every
# viewer shows it. Guessed: Pillow calls it JPEG. It goes by the list and not by what is there: the format is "MPO",
# n_frames is 2, and the second one fails only when it is asked for. A check for format == "JPEG" refuses such a file.
# With the list taken out too, the same bytes are a JPEG of one picture.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 10.1.0 13.0.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install -qq --disable-pip-version-check "pillow==$version"
  "$folder/$version/bin/python" - >"$folder/$version.txt" <<'PYTHON'
import io

import PIL
from PIL import Image

file = io.BytesIO()
Image.new("RGB", (640, 480), "red").save(
    file, "MPO", save_all=True, append_images=[Image.new("RGB", (320, 240), "blue")]
)
data = file.getvalue()
first = data[: data.index(b"\xff\xd8\xff", 2)]
assert first.endswith(b"\xff\xd9")
start = first.index(b"\xff\xe2")
length = int.from_bytes(first[start + 2 : start + 4], "big")
assert first[start + 4 : start + 8] == b"MPF\0"
bare = first[:start] + first[start + 2 + length :]
for name, some in (("both", data), ("the first alone", first), ("without its list", bare)):
    image = Image.open(io.BytesIO(some))
    image.load()
    print(f"Pillow {PIL.__version__}, {name}: {image.format}, {getattr(image, 'n_frames', 1)}")
PYTHON
  cat "$folder/$version.txt"
  diff - "$folder/$version.txt" <<EXPECTED
Pillow $version, both: MPO, 2
Pillow $version, the first alone: MPO, 2
Pillow $version, without its list: JPEG, 1
EXPECTED
done
