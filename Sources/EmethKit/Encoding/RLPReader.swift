/// Reads canonical RLP one value after another, and knows where each of them lies.
struct RLPReader {
  /// The most bytes that the first byte alone can announce; more have a length of its own.
  static let longestShortForm = 55

  private let bytes: [UInt8]
  /// The offset of the next value.
  private(set) var position: Int
  private let end: Int

  /// One value: what it is, where its first byte lies, and where its content.
  struct Item {
    let isList: Bool
    let offset: Int
    let content: Range<Int>
  }

  /// A reader of all the bytes behind the first few, which are something else.
  /// - Throws: ``FormatError/rlp(_:at:)``: `size`.
  init(_ bytes: some Collection<UInt8>, skipping prefix: Int = 0, byteLimit: Int) throws(FormatError) {
    guard bytes.count <= byteLimit else {
      throw .rlp(.size(found: bytes.count, allowed: byteLimit), at: 0)
    }
    self.bytes = Array(bytes)
    position = min(prefix, self.bytes.count)
    end = self.bytes.count
  }

  private init(bytes: [UInt8], content: Range<Int>) {
    self.bytes = bytes
    position = content.lowerBound
    end = content.upperBound
  }

  /// Whether there is no further value.
  var isAtEnd: Bool { position == end }

  /// Takes the next value.
  mutating func next() throws(FormatError) -> Item {
    let offset = position
    guard offset < end else { throw .rlp(.truncated(needed: 1, found: 0), at: offset) }
    let first = bytes[offset]
    if first < 0x80 {
      position = offset + 1
      return Item(isList: false, offset: offset, content: offset..<position)
    }
    let isList = first >= 0xC0
    let announced = Int(first - (isList ? 0xC0 : 0x80))
    let start: Int
    let byteCount: Int
    if announced <= Self.longestShortForm {
      start = offset + 1
      byteCount = try check(UInt64(announced), behind: start, of: offset)
    } else {
      let lengthByteCount = announced - Self.longestShortForm
      start = offset + 1 + lengthByteCount
      byteCount = try check(length(lengthByteCount, of: offset), behind: start, of: offset)
    }
    let content = start..<start + byteCount
    if !isList && byteCount == 1 && bytes[start] < 0x80 {
      throw .rlp(.singleByte(found: bytes[start]), at: offset)
    }
    position = content.upperBound
    return Item(isList: isList, offset: offset, content: content)
  }

  /// The length that stands in bytes of its own behind the first one.
  private func length(_ lengthByteCount: Int, of offset: Int) throws(FormatError) -> UInt64 {
    let start = offset + 1
    _ = try check(UInt64(lengthByteCount), behind: start, of: offset)
    guard bytes[start] != 0 else { throw .rlp(.lengthLeadingZero, at: offset) }
    let length = bytes[start..<start + lengthByteCount].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length > Self.longestShortForm else { throw .rlp(.lengthForm(found: Int(length)), at: offset) }
    return length
  }

  /// The number of bytes as it is, when so many follow.
  private func check(_ byteCount: UInt64, behind start: Int, of offset: Int) throws(FormatError) -> Int {
    guard byteCount <= UInt64(end - start) else {
      throw .rlp(.truncated(needed: byteCount, found: end - start), at: offset)
    }
    return Int(byteCount)
  }

  /// Checks that nothing follows.
  func finish() throws(FormatError) {
    guard isAtEnd else { throw .rlp(.trailing(byteCount: end - position), at: position) }
  }
}

extension RLPReader {
  // Bytes that stand for themselves share one array for each of the 128: a list of nothing else would take
  // the memory of an array for every byte.
  private static let singleBytes = (UInt8(0)..<0x80).map { [$0] }

  /// Takes the next value with all that lies in it.
  mutating func value(depthLimit: Int) throws(FormatError) -> RLPValue {
    try value(depth: 0, depthLimit: depthLimit)
  }

  private mutating func value(depth: Int, depthLimit: Int) throws(FormatError) -> RLPValue {
    let item = try next()
    guard item.isList else {
      let isSingle = item.content.lowerBound == item.offset
      return .bytes(isSingle ? Self.singleBytes[Int(bytes[item.offset])] : Array(bytes[item.content]))
    }
    guard depth < depthLimit else { throw .rlp(.depth(allowed: depthLimit), at: item.offset) }
    var items: [RLPValue] = []
    var inside = RLPReader(bytes: bytes, content: item.content)
    while !inside.isAtEnd {
      items.append(try inside.value(depth: depth + 1, depthLimit: depthLimit))
    }
    return .list(items)
  }

  /// Takes the next value, a list, and gives a reader of what lies in it.
  mutating func list() throws(FormatError) -> RLPReader {
    let item = try next()
    guard item.isList else { throw .rlp(.kind(found: "a byte string", allowed: "a list"), at: item.offset) }
    return RLPReader(bytes: bytes, content: item.content)
  }

  /// Takes the next value, a byte string.
  mutating func byteString() throws(FormatError) -> ArraySlice<UInt8> {
    try bytesWithOffset().content
  }

  /// Takes the next value, a byte string of so many bytes.
  mutating func byteString(count: Int) throws(FormatError) -> ArraySlice<UInt8> {
    let (content, offset) = try bytesWithOffset()
    guard content.count == count else {
      throw .rlp(.byteCount(found: content.count, allowed: count), at: offset)
    }
    return content
  }

  /// Takes the next value, a number without leading zeros.
  mutating func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type = Number.self
  ) throws(FormatError) -> Number {
    let (content, offset) = try bytesWithOffset()
    return try Self.unsigned(content, at: offset)
  }

  /// How many values are left, without taking them.
  func count() throws(FormatError) -> Int {
    var reader = self
    var count = 0
    while !reader.isAtEnd {
      _ = try reader.next()
      count += 1
    }
    return count
  }

  private mutating func bytesWithOffset() throws(FormatError) -> (content: ArraySlice<UInt8>, offset: Int) {
    let item = try next()
    guard !item.isList else { throw .rlp(.kind(found: "a list", allowed: "a byte string"), at: item.offset) }
    return (bytes[item.content], item.offset)
  }

  /// The number of bytes, most significant first, without leading zeros.
  static func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    _ content: ArraySlice<UInt8>, at offset: Int
  ) throws(FormatError) -> Number {
    guard content.first != 0 else { throw .rlp(.integerLeadingZero, at: offset) }
    guard content.count <= Number.bitWidth / 8 else {
      throw .rlp(.integerWidth(found: content.count, allowed: Number.bitWidth / 8), at: offset)
    }
    return content.reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }
}
