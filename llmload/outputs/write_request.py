"""The message of Prometheus' remote write 1.0, ``prometheus.WriteRequest``, and the state of many series as one.

The messages are described here by name, number and type, as far as they are written; protobuf makes classes of that.
Needs the extra ``remote-write``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import cramjam
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from llmload.outputs.native import ZERO, Native

__all__ = ["STALE", "Batch", "WriteRequest"]

STALE: Final = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
"""The NaN that says that a series has ended."""

_FIELD: Final = FieldDescriptorProto
_MESSAGES: Final[Mapping[str, tuple[tuple[str, int, Any], ...]]] = {
    "WriteRequest": (("timeseries", 1, "TimeSeries"),),
    "TimeSeries": (("labels", 1, "Label"), ("samples", 2, "Sample"), ("histograms", 4, "Histogram")),
    "Label": (("name", 1, _FIELD.TYPE_STRING), ("value", 2, _FIELD.TYPE_STRING)),
    "Sample": (("value", 1, _FIELD.TYPE_DOUBLE), ("timestamp", 2, _FIELD.TYPE_INT64)),
    "Histogram": (
        ("count_int", 1, _FIELD.TYPE_UINT64),
        ("sum", 3, _FIELD.TYPE_DOUBLE),
        ("schema", 4, _FIELD.TYPE_SINT32),
        ("zero_threshold", 5, _FIELD.TYPE_DOUBLE),
        ("zero_count_int", 6, _FIELD.TYPE_UINT64),
        ("positive_spans", 11, "BucketSpan"),
        ("positive_deltas", 12, [_FIELD.TYPE_SINT64]),
        ("timestamp", 15, _FIELD.TYPE_INT64),
    ),
    "BucketSpan": (("offset", 1, _FIELD.TYPE_SINT32), ("length", 2, _FIELD.TYPE_UINT32)),
}
"""Name, number and type of each field, the last in brackets where it is repeated; messages always are."""


def _made() -> Any:
    file = FileDescriptorProto(name="remote_write.proto", package="prometheus", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if isinstance(kind, int):
                field.type = kind  # type: ignore[assignment]
                continue
            field.label = _FIELD.LABEL_REPEATED
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".prometheus.{kind}"
            else:
                (field.type,) = kind
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest: Final = _made()
"""The class of the message."""

Labels = Mapping[str, str]


class Batch:
    """Series with their newest value each. Kept from one write to the next, as only values and times change."""

    def __init__(self, common: Labels) -> None:
        """``common``: labels of every series, none of them empty."""
        self._common: Final = dict(common)
        self._request: Final = WriteRequest()
        self._series: Final[dict[tuple[str, tuple[tuple[str, str], ...]], Any]] = {}

    def __len__(self) -> int:
        return len(self._series)

    def put(self, name: str, labels: Labels, value: float, at: int) -> None:
        """The value of a series at a time (ms since 1970)."""
        series = self._of(name, labels)
        sample = series.samples[0] if series.samples else series.samples.add()
        sample.value, sample.timestamp = value, at

    def put_native(self, name: str, labels: Labels, value: Native, at: int) -> None:
        """The same of a series of native histograms."""
        series = self._of(name, labels)
        del series.histograms[:]
        series.histograms.add(
            count_int=value.count, sum=value.total, schema=value.schema, zero_threshold=ZERO,
            zero_count_int=value.zero, positive_deltas=value.deltas, timestamp=at,
            positive_spans=[{"offset": span.offset, "length": span.length} for span in value.spans],
        )  # fmt: skip

    def end(self, at: int) -> None:
        """Mark every series as one that has no more values."""
        for series in self._series.values():
            for sample in series.samples:
                sample.value, sample.timestamp = STALE, at
            if series.histograms:
                del series.histograms[:]
                series.histograms.add(sum=STALE, timestamp=at)

    def encode(self) -> bytes:
        """As it is sent: compressed to a block (not a stream) of Snappy."""
        return bytes(cramjam.snappy.compress_raw(self._request.SerializeToString()))

    def _of(self, name: str, labels: Labels) -> Any:
        """The series, with labels in order and none that is empty, as the protocol has it."""
        key = name, tuple(label for label in labels.items() if label[1])
        if key not in self._series:
            every = {"__name__": name, **self._common, **dict(key[1])}
            made = self._series[key] = self._request.timeseries.add()
            for label, value in sorted(every.items()):
                made.labels.add(name=label, value=value.encode("utf-8", "replace").decode())
        return self._series[key]
