"""The binary form, byte by byte."""

import struct

import pytest

from shared.vectors.packing import pack, pack_all


def test_pack_of_a_vector_is_its_length_and_big_endian_floats():
    assert pack([1.0, -2.5], "vector") == bytes.fromhex("00020000" + "3f800000" + "c0200000")


def test_pack_of_a_halfvec_takes_two_bytes_a_number():
    assert pack([1.0, -2.5], "halfvec") == bytes.fromhex("00020000" + "3c00" + "c100")


def test_pack_all_is_an_array_of_one_dimension_counted_from_one():
    packed = pack_all([[1.0], [2.0]], "vector", 70_000).data
    assert struct.unpack_from(">iiIii", packed) == (1, 0, 70_000, 2, 1)
    assert packed[20:] == bytes.fromhex("00000008" + "00010000" + "3f800000" + "00000008" + "00010000" + "40000000")


def test_pack_all_of_nothing_has_no_dimension():
    assert pack_all([], "vector", 70_000).data == struct.pack(">iiI", 0, 0, 70_000)


@pytest.mark.parametrize("vector", [(1.0, 2.0), [1, 2]])
def test_pack_takes_any_sequence_of_numbers(vector):
    assert pack(vector, "vector") == pack([1.0, 2.0], "vector")
