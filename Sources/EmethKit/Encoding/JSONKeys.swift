/// The keys of one JSON object that is being read, to find the one that is named twice.
///
/// By bytes: Swift's own comparison takes some different keys for the same text.
struct JSONKeys {
  /// So many keys are compared with each other, which is quicker than a set.
  private static let fewCount = 16

  private var few: [JSONString] = []
  private var many: Set<[UInt8]> = []

  /// Takes in a key; false when the object has it already.
  mutating func insert(_ key: JSONString, of bytes: UnsafeRawBufferPointer) -> Bool {
    if many.isEmpty {
      if few.count < Self.fewCount, !key.hasEscapes {
        if few.isEmpty { few.reserveCapacity(Self.fewCount) }
        for other in few where Self.areEqual(other.place, key.place, bytes) { return false }
        few.append(key)
        return true
      }
      for other in few { many.insert(other.bytes(in: bytes)) }
    }
    return many.insert(key.bytes(in: bytes)).inserted
  }

  private static func areEqual(
    _ left: Range<Int>, _ right: Range<Int>, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    left.count == right.count && bytes[left].elementsEqual(bytes[right])
  }
}
