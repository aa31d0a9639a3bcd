/// The four bytes in front of calldata and revert data that say which function or error they belong to.
///
/// ```swift
/// ABISelector(signature: "transfer(address,uint256)")   // 0xa9059cbb
/// ```
public struct ABISelector: Hashable, Sendable {
  private let number: UInt32

  /// The first four bytes of the Keccak-256 of a signature without spaces and names.
  public init(signature: String) {
    number = Keccak256.hash(signature.utf8).withUnsafeBytes {
      UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self))
    }
  }

  /// The first four bytes of data, or nil when there are fewer.
  public init?(of data: some Collection<UInt8>) {
    let front = data.prefix(4)
    guard front.count == 4 else { return nil }
    number = front.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The four bytes.
  public var bytes: [UInt8] { number.bigEndianBytes }

  /// Checks that data starts with this selector.
  func check(_ data: [UInt8]) throws(FormatError) {
    guard let found = ABISelector(of: data) else {
      throw .abi(.truncated(needed: 4, found: data.count), at: 0, path: "selector")
    }
    guard found == self else {
      throw .abi(.selector(found: found.description, allowed: description), at: 0, path: "selector")
    }
  }
}

extension ABISelector: CustomStringConvertible {
  /// `0x` and eight lower-case digits.
  public var description: String { Hex.encode(bytes) }
}
