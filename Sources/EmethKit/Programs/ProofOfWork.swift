/// A SHA-256 proof of work, program 84: a nonce whose hash behind the challenge is small enough.
///
/// It proves itself: who checks it takes one hash. The record is 194 hexadecimal digits, a challenge of 65
/// bytes and a target of 32; the result are the challenge and the nonce, 194 digits again. It holds when
/// SHA-256(challenge ‖ nonce) is at most the target, as integers, highest byte first.
///
/// ```swift
/// let work = try ProofOfWork(record: record)
/// let solution = work.solve { false }      // the smallest nonce from 0
/// ```
public struct ProofOfWork: Hashable, Sendable {
  /// What the nonce is put behind, 65 bytes.
  public let challenge: [UInt8]
  /// The largest hash that will do.
  public let target: Bytes32

  /// The bytes of a challenge: a signature.
  public static let challengeByteCount = 65
  /// The bytes of a nonce.
  public static let nonceByteCount = 32

  /// The bits of a target that may be zero at its top: a solution takes 2^32 tries on average at most, some
  /// hours of one core. Without a floor a search would have no end.
  public static let mostZeroBits = 32

  /// Reads a record; a line end behind it is allowed.
  ///
  /// - Throws: ``ProgramError/malformed(field:cause:)``, or ``ProgramError/fieldOutOfRange(field:found:allowed:)``
  ///   for a target that is too small.
  public init(record text: String) throws(ProgramError) {
    let bytes = try Self.bytes(of: text, field: "challenge and target")
    challenge = Array(bytes[..<Self.challengeByteCount])
    target = Bytes32(bytes[Self.challengeByteCount...]) ?? .zero
    let zeroBits =
      target.bytes.prefix { $0 == 0 }.count * 8
      + (target.bytes.first { $0 != 0 }?.leadingZeroBitCount ?? 0)
    guard zeroBits <= Self.mostZeroBits else {
      throw .fieldOutOfRange(
        field: "target", found: "\(target)",
        allowed: "one with at most \(Self.mostZeroBits) zero bits at its top")
    }
  }

  /// Whether a nonce solves it.
  public func accepts(nonce: [UInt8]) -> Bool {
    guard nonce.count == Self.nonceByteCount else { return false }
    return !target.bytes.lexicographicallyPrecedes(SHA256.hash(challenge + nonce).bytes)
  }

  /// Whether a result solves it: 194 digits, this challenge and a nonce.
  public func accepts(result text: String) -> Bool {
    guard let bytes = try? Self.bytes(of: text, field: "result") else { return false }
    return Array(bytes[..<Self.challengeByteCount]) == challenge
      && accepts(nonce: Array(bytes[Self.challengeByteCount...]))
  }

  /// The result with the smallest nonce, searched from 0; nil when it was stopped.
  ///
  /// - Parameters:
  ///   - prefix: what the nonce begins with. EMETH Core takes those alone that begin with the node's address, so that a
  ///     solution is worth nothing to anybody else.
  ///   - isStopped: Asked once in 4,096 hashes.
  public func solve(startingWith prefix: [UInt8] = [], isStopped: () -> Bool) -> String? {
    precondition(prefix.count < Self.nonceByteCount, "a nonce has \(Self.nonceByteCount) bytes")
    var nonce = prefix + [UInt8](repeating: 0, count: Self.nonceByteCount - prefix.count)
    var tried: UInt64 = 0
    while true {
      if accepts(nonce: nonce) { return Hex.encode(challenge + nonce, prefixed: false) }
      tried += 1
      if tried % 4_096 == 0, isStopped() { return nil }
      var place = nonce.count - 1
      while place >= prefix.count {
        nonce[place] &+= 1
        if nonce[place] != 0 { break }
        place -= 1
      }
      // None of them will do.
      if place < prefix.count { return nil }
    }
  }

  /// Who signed the challenge for a job of EMETH Core: a personal message of 32 bytes, the last 16 of which are the job's id.
  ///
  /// - Throws: ``CryptoError``: it is nobody's signature.
  public func challenger(of job: JobID) throws(CryptoError) -> Address {
    try Signature(bytes: challenge).recoverAddress(fromMessage: Self.message(of: job))
  }

  /// What is signed as a job's challenge.
  public static func message(of job: JobID) -> [UInt8] { [UInt8](repeating: 0, count: 16) + job.bytes }

  private static func bytes(of text: String, field: String) throws(ProgramError) -> [UInt8] {
    let byteCount = challengeByteCount + nonceByteCount
    let line = String(text.reversed().drop { $0.isNewline || $0 == " " }.reversed())
    do throws(FormatError) {
      let bytes = try Hex.decode(line)
      guard bytes.count == byteCount else { throw .byteCount(found: bytes.count, allowed: byteCount) }
      return bytes
    } catch {
      throw .malformed(field: field, cause: error)
    }
  }
}
