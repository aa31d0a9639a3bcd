/// What is signed of an HTTP request that changes something (PROTOCOL 10).
///
/// ```swift
/// let statement = RequestStatement(
///   audience: "example.org:7443", method: "POST", path: "/api/v2/jobs", body: body, time: now, nonce: nonce)
/// let signed = SignedRequest(signing: statement, in: .embedded, with: key)
/// ```
/// The signature binds the request to one server, one moment and one use: `nonce` counts once.
public struct RequestStatement: Hashable, Sendable {
  /// The server that it is meant for: host and port as they stand in its URL, in lower case.
  public let audience: String
  /// The method, in capitals.
  public let method: String
  /// The path with its query, as it is sent.
  public let path: String
  /// Keccak-256 of the body, the empty one too.
  public let bodyHash: Bytes32
  /// When it was signed, in unix seconds.
  public let time: UInt64
  /// Thirty-two random bytes.
  public let nonce: Bytes32

  /// A statement about a body whose hash is known.
  public init(
    audience: String, method: String, path: String, bodyHash: Bytes32, time: UInt64, nonce: Bytes32
  ) {
    self.audience = audience
    self.method = method
    self.path = path
    self.bodyHash = bodyHash
    self.time = time
    self.nonce = nonce
  }

  /// A statement about a body.
  public init(
    audience: String, method: String, path: String, body: some Collection<UInt8>, time: UInt64, nonce: Bytes32
  ) {
    self.init(
      audience: audience, method: method, path: path, bodyHash: Keccak256.hash(body), time: time, nonce: nonce
    )
  }

  /// So many seconds may lie between a request's time and the server's clock, in either direction.
  public static let allowedSkew: UInt64 = 300
  /// So many seconds a server keeps nonces, which is longer than their requests can count.
  public static let nonceLifetime: UInt64 = 900
}

extension RequestStatement: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Request(string audience,string method,string path,bytes32 bodyHash,uint64 time,bytes32 nonce)"

  /// The type's hash, computed once: servers need it for every request.
  public static let eip712TypeHash = Keccak256.hash(eip712Type.utf8)

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .string(audience), .string(method), .string(path), .bytes32(bodyHash), .uint(UInt256(time)),
      .bytes32(nonce),
    ]
  }
}
