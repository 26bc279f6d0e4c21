"""Our protocol against the one inside the installed SDK, both ways: the same, but for additions of ours.

Ours stands in `tests/golden/descriptors.txt`, which a Rust test keeps in step with `protocol/`.
"""

import importlib
import pkgutil
import re
from pathlib import Path

import livekit.rtc._proto as sdk
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "descriptors.txt"
FIRST_OF_OURS = 1001


def _field(owner: str, message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if field.type_name:
        kind = field.type_name.lstrip(".")
    else:
        kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    label = FieldDescriptorProto.Label.Name(field.label).removeprefix("LABEL_").lower()
    line = f"field {owner}.{field.name} = {field.number} {kind} {label}"
    if field.HasField("oneof_index"):
        line += f" oneof {message.oneof_decl[field.oneof_index].name}"
    if field.HasField("default_value"):
        line += f" default {field.default_value}"
    return line


def _enum(scope: str, item: EnumDescriptorProto) -> set[str]:
    name = f"{scope}.{item.name}"
    return {f"enum {name}"} | {f"value {name}.{value.name} = {value.number}" for value in item.value}


def _message(scope: str, message: DescriptorProto) -> set[str]:
    name = f"{scope}.{message.name}"
    lines = {f"message {name}" + (" map" if message.options.map_entry else "")}
    lines |= {_field(name, message, field) for field in message.field}
    for nested in message.nested_type:
        lines |= _message(name, nested)
    for item in message.enum_type:
        lines |= _enum(name, item)
    return lines


def _sdk() -> set[str]:
    lines: set[str] = set()
    for module in pkgutil.iter_modules(sdk.__path__):
        if not module.name.endswith("_pb2"):
            continue
        file = FileDescriptorProto()
        importlib.import_module(f"{sdk.__name__}.{module.name}").DESCRIPTOR.CopyToProto(file)
        lines.add(f"file {file.name} package {file.package}")
        for message in file.message_type:
            lines |= _message(file.package, message)
        for item in file.enum_type:
            lines |= _enum(file.package, item)
    return lines


def _ours() -> set[str]:
    return set(GOLDEN.read_text().splitlines())


def test_everything_of_the_sdk_is_ours_too():
    missing = _sdk() - _ours()
    assert not missing, sorted(missing)


def test_what_the_sdk_does_not_know_is_an_addition():
    theirs = _sdk()
    known = {line.split()[1] for line in theirs if line.startswith(("message ", "enum "))}
    strange = []
    for line in sorted(_ours() - theirs):
        kind, name = line.split()[:2]
        if kind in ("message", "enum") and name not in known:
            continue  # a message of ours; how it is reached is judged at the field that names it
        owner = name.rpartition(".")[0]
        if kind in ("field", "value") and owner not in known:
            continue
        number = re.search(r" = (\d+)", line)
        optional = " optional" in line or " repeated" in line or kind == "value"
        if number is None or int(number.group(1)) < FIRST_OF_OURS or not optional:
            strange.append(line)
    assert not strange, strange


def test_the_protocol_has_the_size_that_is_expected():
    theirs = _sdk()

    def members(message: str) -> int:
        return sum(line.startswith(f"field livekit.proto.{message}.") for line in theirs)

    assert (members("FfiRequest"), members("FfiResponse"), members("FfiEvent")) == (90, 89, 47)
