extension ABIType {
  /// Checks that a value is of this type: its kind, its range, and the number of its elements where the type
  /// fixes it.
  ///
  /// `bytes32` takes both ``ABIValue/bytes32(_:)`` and ``ABIValue/fixedBytes(_:)`` of 32 bytes; `T[k]` is a
  /// ``ABIValue/tuple(_:)``.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)``.
  public func check(_ value: ABIValue) throws(FormatError) {
    var path = ValuePath("value")
    try check(value, at: &path)
  }

  func check(_ value: ABIValue, at path: inout ValuePath) throws(FormatError) {
    switch (form, value) {
    case (.uint, .uint(let number)), (.int, .uint(let number)):
      guard holds(number) else {
        throw .abiValue(at: path.description, problem: "\(Hex.encode(number.bigEndianBytes)) is no \(self)")
      }
    case (.fixedBytes(let count), .fixedBytes(let bytes)):
      guard bytes.count == count else { throw mismatch(value, at: path) }
    case (.fixedBytes(count: 32), .bytes32), (.address, .address), (.bool, .bool), (.bytes, .bytes),
      (.string, .string):
      break
    case (.array(let element), .array(let values)):
      try element.checkElements(values, at: &path)
    case (.fixedArray(let element, let count), .tuple(let values)):
      guard values.count == count else { throw mismatch(value, at: path) }
      try element.checkElements(values, at: &path)
    case (.tuple(let members), .tuple(let values)):
      guard values.count == members.count else { throw mismatch(value, at: path) }
      for (index, member) in members.enumerated() {
        path.enter(member: index)
        try member.check(values[index], at: &path)
        path.leave()
      }
    case (.uint, _), (.int, _), (.address, _), (.bool, _), (.fixedBytes, _), (.bytes, _), (.string, _),
      (.array, _), (.fixedArray, _), (.tuple, _):
      throw mismatch(value, at: path)
    }
  }

  /// Whether a word is a number of this integer type: nothing above its bits, or the sign all the way up.
  func holds(_ number: UInt256) -> Bool {
    switch form {
    case .uint(let bits): number.leadingZeroBitCount >= 256 - bits
    case .int(let bits): max(number.leadingZeroBitCount, (~number).leadingZeroBitCount) > 256 - bits
    case .address, .bool, .fixedBytes, .bytes, .string, .array, .fixedArray, .tuple: false
    }
  }

  private func checkElements(_ values: [ABIValue], at path: inout ValuePath) throws(FormatError) {
    for (index, value) in values.enumerated() {
      path.enter(element: index)
      try check(value, at: &path)
      path.leave()
    }
  }

  private func mismatch(_ value: ABIValue, at path: ValuePath) -> FormatError {
    .abiValue(at: path.description, problem: "found \(value.kind) where \(self) is needed")
  }
}
