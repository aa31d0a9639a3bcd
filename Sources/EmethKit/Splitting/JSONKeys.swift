/// The keys of one JSON object that is being read, to find the one that is named twice.
struct JSONKeys {
  /// A key as it stands in the text, without its quotation marks.
  struct Key {
    var place: Range<Int>
    var hasEscapes: Bool

    /// The bytes that it stands for.
    func text(in bytes: UnsafeRawBufferPointer) -> [UInt8] {
      guard hasEscapes else { return Array(bytes[place]) }
      var parser = JSONParser(
        bytes: [UInt8(ascii: "\"")] + bytes[place] + [UInt8(ascii: "\"")], depthLimit: 1)
      guard case .string(let text)? = try? parser.document() else {
        preconditionFailure("a key was read and can't be read again")
      }
      return Array(text.utf8)
    }
  }

  /// So many keys are compared with each other, which is quicker than a set.
  private static let fewCount = 16

  private var few: [Key] = []
  private var many: Set<[UInt8]> = []

  /// Takes in a key; false when the object has it already.
  mutating func insert(_ key: Key, of bytes: UnsafeRawBufferPointer) -> Bool {
    if many.isEmpty {
      if few.count < Self.fewCount, !key.hasEscapes {
        if few.isEmpty { few.reserveCapacity(Self.fewCount) }
        for other in few where Self.areEqual(other.place, key.place, bytes) { return false }
        few.append(key)
        return true
      }
      for other in few { many.insert(other.text(in: bytes)) }
    }
    return many.insert(key.text(in: bytes)).inserted
  }

  private static func areEqual(
    _ left: Range<Int>, _ right: Range<Int>, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    left.count == right.count && bytes[left].elementsEqual(bytes[right])
  }
}
