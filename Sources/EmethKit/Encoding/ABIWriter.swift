/// Writes values one behind the other into one buffer: heads, then the parts of dynamic length.
struct ABIWriter {
  private(set) var bytes: [UInt8] = []

  /// Appends the values of one frame: offsets count from its first byte.
  mutating func append(_ values: [ABIValue]) {
    let start = bytes.count
    var hasDynamic = false
    for value in values {
      if value.isDynamic {
        hasDynamic = true
        append(.zero)
      } else {
        appendBody(value)
      }
    }
    guard hasDynamic else { return }
    var head = start
    for value in values {
      if value.isDynamic {
        // The place of this value is known only now: its offset goes into the head that was kept for it.
        write(bytes.count - start, at: head)
        appendBody(value)
      }
      head += value.headByteCount
    }
  }

  /// Appends the value's own encoding, without an offset.
  mutating func appendBody(_ value: ABIValue) {
    switch value {
    case .uint(let number): append(number)
    case .address(let address):
      appendZeros(12)
      address.withUnsafeBytes { bytes += $0 }
    case .bytes32(let word): word.withUnsafeBytes { bytes += $0 }
    case .fixedBytes(let fixed):
      precondition((1...32).contains(fixed.count), "fixed bytes are 1 to 32")
      appendPadded(fixed)
    case .bool(let truth): append(UInt256(high: 0, low: truth ? 1 : 0))
    case .bytes(let content):
      append(UInt256(content.count))
      appendPadded(content)
    case .string(let text):
      append(UInt256(text.utf8.count))
      appendPadded(text.utf8)
    case .array(let elements):
      append(UInt256(elements.count))
      append(elements)
    case .tuple(let members):
      append(members)
    }
  }

  /// Appends a value as EIP-712 and indexed arguments of events take it in: elements one after another, each
  /// filled up to whole words, without lengths or offsets.
  mutating func appendInPlace(_ value: ABIValue) {
    switch value {
    case .bytes(let content): appendPadded(content)
    case .string(let text): appendPadded(text.utf8)
    case .array(let elements), .tuple(let elements):
      for element in elements { appendInPlace(element) }
    case .uint, .address, .bytes32, .fixedBytes, .bool: appendBody(value)
    }
  }

  private mutating func append(_ number: UInt256) {
    Bytes32(number).withUnsafeBytes { bytes += $0 }
  }

  private mutating func appendPadded(_ content: some Collection<UInt8>) {
    bytes += content
    appendZeros((32 - content.count % 32) % 32)
  }

  private mutating func appendZeros(_ count: Int) {
    bytes += repeatElement(0, count: count)
  }

  private mutating func write(_ offset: Int, at position: Int) {
    Bytes32(UInt256(offset)).withUnsafeBytes { word in
      for index in 24..<32 { bytes[position + index] = word[index] }
    }
  }
}
