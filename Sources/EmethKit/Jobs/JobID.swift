/// The 16 bytes that name a job or a SubJob.
///
/// A job's id follows from its requester and a salt, a SubJob's from its parent and its place (PROTOCOL 1),
/// so that nobody can take an id that is meant for someone else.
///
/// ```swift
/// let parent = JobID(requester: address, salt: salt)
/// let part = JobID(parent: parent, round: 0, part: 2, attempt: 1)
/// ```
/// In JSON: `0x` and 32 hexadecimal digits.
public struct JobID: Hashable, Sendable {
  // The bytes as one number, most significant byte first, so that the order of ids is that of their bytes.
  private let number: UInt128

  /// The id of exactly 16 bytes, or nil when there are more or fewer.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    number = bytes.reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The id that 32 hexadecimal digits stand for, with or without `0x`.
  ///
  /// - Throws: ``JobError/malformedID(cause:)``.
  public init(hex: String) throws(JobError) {
    let bytes: [UInt8]
    do throws(FormatError) {
      bytes = try Hex.decode(hex)
    } catch {
      throw .malformedID(cause: error)
    }
    guard let id = JobID(bytes) else {
      throw .malformedID(cause: .byteCount(found: bytes.count, allowed: 16))
    }
    self = id
  }

  /// The id of a requester's job: the first 16 bytes of keccak256(20-byte address ‖ 32-byte salt).
  public init(requester: Address, salt: Bytes32) {
    self.init(hashing: requester.bytes + salt.bytes)
  }

  /// The id of a SubJob: the first 16 bytes of keccak256(parent ‖ round u32 ‖ part u32 ‖ attempt u32),
  /// big-endian.
  public init(parent: JobID, round: UInt32, part: UInt32, attempt: UInt32) {
    var message = parent.bytes
    for index in [round, part, attempt] {
      message += index.bigEndianBytes
    }
    self.init(hashing: message)
  }

  private init(hashing message: [UInt8]) {
    number = Keccak256.hash(message).bytes.prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The 16 bytes.
  public var bytes: [UInt8] { number.bigEndianBytes }
}

extension JobID: Comparable, CustomStringConvertible, Codable {
  /// Whether the left id comes first, byte by byte.
  public static func < (left: JobID, right: JobID) -> Bool {
    left.number < right.number
  }

  /// `0x` and 32 lower-case digits.
  public var description: String { Hex.encode(bytes) }

  /// Reads `0x` hex text of 16 bytes.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(JobError) in try JobID(hex: text) }
  }

  /// Writes `0x` and 32 lower-case digits.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
