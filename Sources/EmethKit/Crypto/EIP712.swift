/// The hashing rules of EIP-712, shared by ``EIP712Struct`` and ``TypedData``.
///
/// Words are written straight into the memory that is hashed, on the stack when it is short: nothing is
/// allocated for a word.
enum EIP712 {
  /// keccak256(type hash ‖ one word a member).
  static func structHash(typeHash: Bytes32, values: [ABIValue]) -> Bytes32 {
    hashWords(count: values.count + 1) { index in
      index == 0 ? typeHash : word(of: values[index - 1])
    }
  }

  /// keccak256(0x1901 ‖ domain separator ‖ struct hash).
  static func digest(separator: Bytes32, structHash: Bytes32) -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: 66, alignment: 1) { message in
      message[0] = 0x19
      message[1] = 0x01
      message.storeBytes(of: separator, toByteOffset: 2, as: Bytes32.self)
      message.storeBytes(of: structHash, toByteOffset: 34, as: Bytes32.self)
      return Keccak256.hash(UnsafeRawBufferPointer(message))
    }
  }

  /// The 32 bytes that stand for a member: itself, or the hash of what has no fixed length.
  static func encodeData(_ value: ABIValue) -> [UInt8] {
    word(of: value).bytes
  }

  /// The word that stands for a member.
  private static func word(of value: ABIValue) -> Bytes32 {
    switch value {
    case .uint(let number): Bytes32(number)
    case .address(let address):
      Bytes32(writing: { word in
        address.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: word[12...]).copyMemory(from: $0) }
      })
    case .bytes32(let bytes): bytes
    case .fixedBytes(let bytes): left(bytes)
    case .bool(let truth): Bytes32(UInt256(high: 0, low: truth ? 1 : 0))
    case .bytes(let bytes): Keccak256.hash(bytes)
    case .string(let text): Keccak256.hash(text.utf8)
    // Both kinds of array; a struct comes as its hash, since its type's text is part of it.
    case .array(let elements), .tuple(let elements):
      hashWords(count: elements.count) { word(of: elements[$0]) }
    }
  }

  /// One to 32 bytes at the left of a word.
  private static func left(_ bytes: [UInt8]) -> Bytes32 {
    precondition((1...32).contains(bytes.count), "fixed bytes are 1 to 32")
    return Bytes32(writing: { $0.copyBytes(from: bytes) })
  }

  private static func hashWords(count: Int, _ word: (Int) -> Bytes32) -> Bytes32 {
    withUnsafeTemporaryAllocation(of: Bytes32.self, capacity: count) { words in
      for index in 0..<count { words.initializeElement(at: index, to: word(index)) }
      return Keccak256.hash(UnsafeRawBufferPointer(words))
    }
  }
}
