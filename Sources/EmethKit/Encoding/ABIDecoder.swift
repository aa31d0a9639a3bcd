/// Reads values from data of the contract ABI, checking every byte that it uses.
struct ABIDecoder {
  private let data: [UInt8]
  private let start: Int
  private let isCanonical: Bool
  /// Whether what is no UTF-8 in a text is replaced, and else refused.
  private let repairsText: Bool
  private var path = ValuePath()
  /// How many bytes values may still stand for. Values that share no bytes together stand for no more than
  /// the data has, so that this bounds what a few bytes, used again and again, can be blown up to.
  private var allowance: Int

  init(data: [UInt8], start: Int, isCanonical: Bool, repairsText: Bool = false) {
    self.data = data
    self.start = start
    self.isCanonical = isCanonical
    self.repairsText = repairsText
    allowance = data.count - start
  }

  /// A value and the position behind it; the latter counts where the canonical encoding is asked for.
  private typealias Part = (value: ABIValue, end: Int)

  /// Where the values of one frame stand: their heads, and the place of the next dynamic one.
  private struct Frame {
    let start: Int
    let headsEnd: Int
    var head: Int
    var end: Int

    init(start: Int, headByteCount: Int) {
      self.start = start
      headsEnd = start + headByteCount
      head = start
      end = headsEnd
    }
  }

  /// Reads all values from the start on.
  mutating func decode(_ parameters: [ABIParameter]) throws(FormatError) -> [ABIValue] {
    var headByteCount = 0
    for parameter in parameters {
      headByteCount += parameter.type.headByteCount
    }
    try need(UInt256(headByteCount), at: start)
    var frame = Frame(start: start, headByteCount: headByteCount)
    var values: [ABIValue] = []
    values.reserveCapacity(parameters.count)
    for (index, parameter) in parameters.enumerated() {
      path.enter(parameter, index: index)
      values.append(try value(parameter.type, in: &frame))
      path.leave()
    }
    if isCanonical, frame.end < data.count {
      throw fault(.trailing(byteCount: data.count - frame.end), at: frame.end)
    }
    return values
  }

  /// Reads the next value of a frame, whose heads are known to be there.
  private mutating func value(_ type: ABIType, in frame: inout Frame) throws(FormatError) -> ABIValue {
    guard type.isDynamic else {
      let part = try body(type, at: frame.head)
      frame.head = part.end
      return part.value
    }
    try spend(32, at: frame.head)
    let offset = word(at: frame.head)
    let allowed: ClosedRange<Int>
    if isCanonical {
      allowed = (frame.end - frame.start)...(frame.end - frame.start)
    } else {
      allowed = (frame.headsEnd - frame.start)...(data.count - frame.start)
    }
    guard UInt256(allowed.lowerBound) <= offset, offset <= UInt256(allowed.upperBound) else {
      throw fault(.offset(found: offset, allowed: allowed), at: frame.head)
    }
    frame.head += 32
    let part = try body(type, at: frame.start + Int(truncatingIfNeeded: offset.low))
    frame.end = part.end
    return part.value
  }

  /// Reads a value's own encoding.
  private mutating func body(_ type: ABIType, at position: Int) throws(FormatError) -> Part {
    switch type.form {
    case .array(let element):
      let count = try length(at: position, elementByteCount: element.headByteCount)
      var frame = Frame(start: position + 32, headByteCount: count * element.headByteCount)
      let values = try elements(element, count: count, in: &frame)
      return (.array(values), frame.end)
    case .fixedArray(let element, let count):
      try need(UInt256(type.leastByteCount), at: position)
      var frame = Frame(start: position, headByteCount: type.leastByteCount)
      let values = try elements(element, count: count, in: &frame)
      return (.tuple(values), frame.end)
    case .tuple(let members):
      try need(UInt256(type.leastByteCount), at: position)
      var frame = Frame(start: position, headByteCount: type.leastByteCount)
      var values: [ABIValue] = []
      values.reserveCapacity(members.count)
      for (index, member) in members.enumerated() {
        path.enter(member: index)
        values.append(try value(member, in: &frame))
        path.leave()
      }
      return (.tuple(values), frame.end)
    case .bytes:
      let content = try bytes(at: position)
      return (.bytes(Array(data[content.range])), content.end)
    case .string:
      let content = try bytes(at: position)
      let text: String
      if let valid = String(validating: data[content.range], as: UTF8.self) {
        text = valid
      } else if repairsText {
        text = String(decoding: data[content.range], as: UTF8.self)
      } else {
        throw fault(.text, at: position + 32)
      }
      return (.string(text), content.end)
    case .uint, .int, .address, .bool, .fixedBytes:
      return (try single(type, at: position), position + 32)
    }
  }

  private mutating func elements(
    _ type: ABIType, count: Int, in frame: inout Frame
  ) throws(FormatError) -> [ABIValue] {
    var values: [ABIValue] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      path.enter(element: index)
      values.append(try value(type, in: &frame))
      path.leave()
    }
    return values
  }

  /// Reads a value of one word.
  private mutating func single(_ type: ABIType, at position: Int) throws(FormatError) -> ABIValue {
    try need(32, at: position)
    try spend(32, at: position)
    let word = word(at: position)
    switch type.form {
    case .address:
      guard word.leadingZeroBitCount >= 96, let address = Address(bytes: data[position + 12..<position + 32])
      else {
        throw fault(.range(type: type, found: word), at: position)
      }
      return .address(address)
    case .bool:
      guard word <= 1 else { throw fault(.truth(found: word), at: position) }
      return .bool(word == 1)
    case .fixedBytes(count: 32): return .bytes32(Bytes32(word))
    case .fixedBytes(let count):
      try checkZero(position + count..<position + 32)
      return .fixedBytes(Array(data[position..<position + count]))
    case .uint, .int, .bytes, .string, .array, .fixedArray, .tuple:
      guard type.holds(word) else { throw fault(.range(type: type, found: word), at: position) }
      return .uint(word)
    }
  }

  /// Reads a length, at the position of a dynamic value, and compares it with what follows.
  private mutating func length(at position: Int, elementByteCount: Int) throws(FormatError) -> Int {
    try need(32, at: position)
    try spend(32, at: position)
    let length = word(at: position)
    let (byteCount, overflow) = length.multipliedReportingOverflow(by: UInt256(elementByteCount))
    try need(overflow ? .max : byteCount, at: position + 32)
    return Int(truncatingIfNeeded: length.low)
  }

  /// Reads length, content and padding of a `bytes` or a `string`.
  private mutating func bytes(at position: Int) throws(FormatError) -> (range: Range<Int>, end: Int) {
    let count = try length(at: position, elementByteCount: 1)
    let padded = (count + 31) / 32 * 32
    try need(UInt256(padded), at: position + 32)
    try spend(padded, at: position + 32)
    let range = position + 32..<position + 32 + count
    let end = position + 32 + padded
    try checkZero(range.upperBound..<end)
    return (range, end)
  }

  private func checkZero(_ range: Range<Int>) throws(FormatError) {
    guard let first = data[range].firstIndex(where: { $0 != 0 }) else { return }
    throw fault(.padding, at: first)
  }

  private func need(_ byteCount: UInt256, at position: Int) throws(FormatError) {
    guard byteCount <= UInt256(data.count - position) else {
      throw fault(.truncated(needed: byteCount, found: data.count - position), at: position)
    }
  }

  private mutating func spend(_ byteCount: Int, at position: Int) throws(FormatError) {
    guard byteCount <= allowance else { throw fault(.overlap, at: position) }
    allowance -= byteCount
  }

  private func word(at position: Int) -> UInt256 {
    UInt256(
      Bytes32(writing: { word in
        data.withUnsafeBytes { word.copyMemory(from: .init(rebasing: $0[position..<position + 32])) }
      }))
  }

  private func fault(_ problem: ABIProblem, at position: Int) -> FormatError {
    .abi(problem, at: position, path: path.description)
  }
}
