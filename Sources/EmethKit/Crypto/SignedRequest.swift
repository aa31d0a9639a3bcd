/// An account's signature under an HTTP request, as the header `Emeth-Signature` carries it (PROTOCOL 10).
///
/// ```swift
/// let signed = SignedRequest(signing: statement, in: .embedded, with: key)
/// request.headers["Emeth-Signature"] = signed.headerValue
/// // The server, which knows audience, method, path and body itself:
/// let account = try SignedRequest(headerValue: text).check(
///   audience: "example.org", method: "POST", path: "/api/v2/jobs", bodyHash: hash, at: now, in: .embedded)
/// ```
/// Nothing of a header that was read is trusted before ``check(audience:method:path:bodyHash:at:in:)``; that
/// a nonce counts once is for the server to remember.
public struct SignedRequest: Hashable, Sendable {
  /// Who signed, as claimed.
  public let account: Address
  /// When, in unix seconds.
  public let time: UInt64
  /// What makes the request one of its kind.
  public let nonce: Bytes32
  /// The signature under the statement's digest.
  public let signature: Signature

  /// The header's name.
  public static let headerName = "Emeth-Signature"
  /// The longest header value that is read, in bytes; a written one has 309 at most.
  public static let headerLimit = 512

  /// The statement, signed.
  public init(signing statement: RequestStatement, in domain: EIP712Domain, with key: PrivateKey) {
    account = key.address
    time = statement.time
    nonce = statement.nonce
    signature = key.sign(statement.digest(in: domain))
  }

  /// The header's value: `account=0x…, time=…, nonce=0x…, signature=0x…`.
  public var headerValue: String {
    "account=\(account), time=\(time), nonce=\(nonce), signature=\(signature)"
  }

  /// Reads a header's value: the four members in any order, each once, and nothing else.
  ///
  /// - Throws: ``CryptoError/requestMalformed(problem:)``.
  public init(headerValue text: String) throws(CryptoError) {
    guard text.utf8.count <= Self.headerLimit else {
      throw .requestMalformed(problem: "it has \(text.utf8.count) bytes, allowed are \(Self.headerLimit)")
    }
    var members: [Substring: Substring] = [:]
    for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
      let member = Self.trimmed(piece)
      guard let equals = member.firstIndex(of: "=") else {
        throw .requestMalformed(problem: "\(quoted(member)) is no name=value")
      }
      let name = member[..<equals]
      guard ["account", "time", "nonce", "signature"].contains(name) else {
        throw .requestMalformed(problem: "found the member \(quoted(name))")
      }
      guard members.updateValue(member[member.index(after: equals)...], forKey: name) == nil else {
        throw .requestMalformed(problem: "it names \(quoted(name)) twice")
      }
    }
    account = try Self.read(members, "account") { text throws(CryptoError) in try Address(text) }
    nonce = try Self.read(members, "nonce") { text throws(FormatError) in try Bytes32(hex: text) }
    signature = try Self.read(members, "signature") { text throws in
      try Signature(bytes: try Hex.decode(text))
    }
    guard let time = members["time"].flatMap({ UInt64(decimal: $0) }) else {
      throw .requestMalformed(problem: "\"time\" is not given as unix seconds")
    }
    self.time = time
  }

  /// Checks the time and that the account signed exactly this request.
  ///
  /// - Parameters:
  ///   - audience: The server's own host and port.
  ///   - method: The method of the request that came.
  ///   - path: Its path and query, as they came.
  ///   - bodyHash: Keccak-256 of its body.
  ///   - now: The server's clock, in unix seconds.
  ///   - domain: The domain that the server's settlement has.
  /// - Returns: The account.
  /// - Throws: ``CryptoError/requestTime(found:now:allowed:)``,
  ///   ``CryptoError/requestSigner(found:expected:)`` when anything at all is not as it was signed,
  ///   ``CryptoError/signatureUnrecoverable``.
  @discardableResult
  public func check(
    audience: String, method: String, path: String, bodyHash: Bytes32, at now: UInt64,
    in domain: EIP712Domain
  ) throws(CryptoError) -> Address {
    let skew = RequestStatement.allowedSkew
    guard max(time, now) - min(time, now) <= skew else {
      throw .requestTime(found: time, now: now, allowed: skew)
    }
    let statement = RequestStatement(
      audience: audience, method: method, path: path, bodyHash: bodyHash, time: time, nonce: nonce)
    let signer = try signature.recoverAddress(from: statement.digest(in: domain))
    guard signer == account else { throw .requestSigner(found: signer, expected: account) }
    return account
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let start = text.drop { $0 == " " }
    return start.dropLast(start.reversed().prefix { $0 == " " }.count)
  }

  /// The value of a member that must be there.
  private static func read<Value>(
    _ members: [Substring: Substring], _ name: Substring, _ parse: (String) throws -> Value
  ) throws(CryptoError) -> Value {
    guard let text = members[name] else { throw .requestMalformed(problem: "it lacks \(quoted(name))") }
    do {
      return try parse(String(text))
    } catch {
      let reason = (error as? any EmethError)?.message ?? "it can't be read"
      throw .requestMalformed(problem: "\(quoted(name)): \(reason)")
    }
  }
}
