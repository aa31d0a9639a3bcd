import EmethKit
import Testing

@Suite struct Bytes32Tests {
  private let ascending = (0..<32).map { UInt8($0) }

  @Test func takesExactlyThirtyTwoBytes() throws {
    let value = try #require(Bytes32(ascending))
    #expect(value.bytes == ascending)
    #expect(value.withUnsafeBytes { Array($0) } == ascending)
    #expect(value.description == "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    #expect(try Bytes32(hex: value.description) == value)
    #expect(Bytes32(ascending.dropLast()) == nil && Bytes32(ascending + [32]) == nil && Bytes32([]) == nil)
    #expect(throws: FormatError.byteCount(found: 31, allowed: 32)) {
      try Bytes32(hex: Hex.encode(ascending.dropLast()))
    }
    #expect(Bytes32(ascending.lazy.map { $0 }) == value, "a collection without contiguous storage")
  }

  /// One byte is changed at every place: the value, its order and its hash must notice.
  @Test func orderIsThatOfTheBytes() throws {
    let value = try #require(Bytes32([UInt8](repeating: 0x80, count: 32)))
    for index in 0..<32 {
      var larger = value.bytes
      larger[index] = 0x81
      if index < 31 { larger[index + 1] = 0 }
      let other = try #require(Bytes32(larger))
      #expect(value < other && !(other < value) && value != other)
      #expect(UInt256(value) < UInt256(other), "the order of the numbers is the same")
      #expect(Set([value, other, value]).count == 2)
    }
    #expect(Bytes32.zero < value)
  }

  @Test func jsonIsHex() throws {
    let value = try #require(Bytes32(ascending))
    #expect(try jsonText([value]) == "[\"\(value)\"]")
    #expect(try fromJSON([Bytes32].self, "[\"\(value)\"]") == [value])
    #expect(throws: DecodingError.self) { try fromJSON([Bytes32].self, "[\"0x00\"]") }
    #expect(throws: DecodingError.self) { try fromJSON([Bytes32].self, "[0]") }
  }
}
