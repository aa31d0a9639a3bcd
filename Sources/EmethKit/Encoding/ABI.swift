/// The encoding of contract arguments (Solidity contract ABI specification 2, strict mode).
///
/// ```swift
/// let data = ABI.encode([.uint(7), .string("seven")])          // as Solidity's abi.encode(7, "seven")
/// let values = try ABI.decode(data, as: ["uint8", "string"])   // checks every byte that it reads
/// ```
/// For whole calls, logs and reverts see ``ABIFunction``, ``ABIEvent`` and ``RevertReason``.
public enum ABI {
  /// The 32 bytes of a number, most significant first.
  public static func word(_ value: UInt256) -> [UInt8] {
    value.bigEndianBytes
  }

  /// The 32 bytes of an address, aligned to the right.
  public static func word(_ value: Address) -> [UInt8] {
    [UInt8](repeating: 0, count: 12) + value.bytes
  }

  /// The 32 bytes themselves.
  public static func word(_ value: Bytes32) -> [UInt8] {
    value.bytes
  }

  /// The 32 bytes of a truth value: 1 or 0.
  public static func word(_ value: Bool) -> [UInt8] {
    word(UInt256(high: 0, low: value ? 1 : 0))
  }

  /// The 32 bytes of a `bytes16`, aligned to the left. Traps unless there are 16.
  public static func word(bytes16 value: some Collection<UInt8>) -> [UInt8] {
    precondition(value.count == 16, "bytes16 has 16 bytes")
    return word(fixedBytes: value)
  }

  /// The 32 bytes of a `bytes1` ... `bytes32`, aligned to the left. Traps when there are none or more.
  public static func word(fixedBytes value: some Collection<UInt8>) -> [UInt8] {
    precondition((1...32).contains(value.count), "fixed bytes are 1 to 32")
    return Array(value) + [UInt8](repeating: 0, count: 32 - value.count)
  }

  /// The values one after another as `abi.encode` writes them: heads, then the parts of dynamic length.
  ///
  /// The values' own kinds say how they are written; nothing compares them with a type.
  public static func encode(_ values: [ABIValue]) -> [UInt8] {
    var writer = ABIWriter()
    writer.append(values)
    return writer.bytes
  }

  /// The values one after another, each checked against its type first.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)``: another number of values, another kind, a number out of
  ///   its type's range.
  public static func encode(_ values: [ABIValue], as types: [ABIType]) throws(FormatError) -> [UInt8] {
    try encode(values, as: types.map { ABIParameter("", $0) })
  }

  static func encode(_ values: [ABIValue], as parameters: [ABIParameter]) throws(FormatError) -> [UInt8] {
    guard values.count == parameters.count else {
      throw .abiValue(
        at: "values", problem: "found \(values.count) values where \(parameters.count) are needed")
    }
    var path = ValuePath()
    for (index, parameter) in parameters.enumerated() {
      path.enter(parameter, index: index)
      try parameter.type.check(values[index], at: &path)
      path.leave()
    }
    return encode(values)
  }

  /// The most bytes that are decoded unless the caller says otherwise: 16 MiB.
  public static let defaultByteLimit = 16 << 20

  /// The values of data that `abi.encode` wrote, by their types.
  ///
  /// Strict: offsets and lengths must lie inside the data, values may not share bytes, padding must be zero,
  /// small integers may have no bits above their width (negative ones must be extended), a bool is 0 or 1, a
  /// string is UTF-8. Memory is bounded by the data: what a length claims is compared with the bytes that
  /// are there before anything is made.
  ///
  /// - Parameters:
  ///   - data: The encoding, from its first head on.
  ///   - types: The types of the values.
  ///   - canonical: Whether the data must be exactly what ``encode(_:)`` writes, with every offset leading
  ///     to the one place and nothing behind the end. Contracts themselves don't ask for it.
  ///   - byteLimit: The most bytes of data.
  /// - Throws: ``FormatError/abi(_:at:path:)`` with the position in bytes and the place, such as `1[2].0`.
  public static func decode(
    _ data: [UInt8], as types: [ABIType], canonical: Bool = false, byteLimit: Int = defaultByteLimit
  ) throws(FormatError) -> [ABIValue] {
    try decode(
      data, from: 0, as: types.map { ABIParameter("", $0) }, canonical: canonical, byteLimit: byteLimit)
  }

  static func decode(
    _ data: [UInt8], from start: Int, as parameters: [ABIParameter], canonical: Bool,
    repairingText: Bool = false, byteLimit: Int = defaultByteLimit
  ) throws(FormatError) -> [ABIValue] {
    guard data.count <= byteLimit else {
      throw .abi(.size(found: data.count, allowed: byteLimit), at: byteLimit, path: "")
    }
    var decoder = ABIDecoder(data: data, start: start, isCanonical: canonical, repairsText: repairingText)
    return try decoder.decode(parameters)
  }
}
