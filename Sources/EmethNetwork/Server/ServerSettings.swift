import EmethKit
import Foundation

/// How a server listens and what it allows.
public struct ServerSettings: Sendable {
  /// The address to listen on.
  public var host: String
  /// The port; 0 takes a free one.
  public var port: Int
  /// Certificate chain and private key, PEM files; `nil` speaks plain HTTP.
  public var certificate: Certificate?
  /// Names under which clients know the server (host or host:port, lower case), besides the address itself:
  /// what requests are signed for.
  public var audiences: [String] = []
  /// The longest JSON body, in bytes.
  public var bodyLimit = 8 << 20
  /// The longest part of an upload, in bytes.
  public var partLimit = 16 << 20
  /// The longest object, in bytes.
  public var objectLimit: UInt64 = 64 << 30
  /// The most bytes of one account that lie here and that no job has named.
  public var unusedByteLimit: UInt64 = 256 << 30
  /// The most connections at once; more wait until one ends.
  public var connectionLimit = 8_192
  /// The most connections of one address; more are closed at once.
  public var connectionsOfOneAddress = 2_048
  /// Bytes of bodies that are taken in at once, before it is known who signed them; who sends more is told to
  /// come again. The first 32 KiB of each body are not among them.
  public var bodyMemory = 512 << 20
  /// How many of these one address may send; an IPv6 network of 64 bits counts as one. The longest body there is must fit.
  public var bodyMemoryOfOneAddress = 64 << 20
  /// Bytes on the disk for parts of uploads until it is known who signed them: parts without a ticket.
  public var partRoom = 16 << 30
  /// How many of these one address may send.
  public var partRoomOfOneAddress = 1 << 30
  /// Requests a second that one account or one address may send for long, and how many at once.
  public var requestRate = 200.0
  /// See ``requestRate``.
  public var requestBurst = 4_000.0
  /// The longest wait of a long poll, in seconds.
  public var longestWaitSeconds = 60.0
  /// Seconds within which the head of a request, or 16 KiB of its body, and of one that is held in
  /// memory a sixteenth of what is there already, must have come, and within which a
  /// client must take something of its answer.
  public var patienceSeconds = 30.0
  /// Seconds that requests in flight have to end when the server stops.
  public var graceSeconds = 20.0

  /// Files of a certificate.
  public struct Certificate: Sendable {
    /// The certificate and those that it follows from.
    public var chain: URL
    /// Its private key.
    public var key: URL

    /// A certificate of these files.
    public init(chain: URL, key: URL) {
      self.chain = chain
      self.key = key
    }
  }

  /// Default limits at an address.
  public init(host: String = "127.0.0.1", port: Int = 0) {
    self.host = host
    self.port = port
  }

  /// Reads `HOST:PORT`, an IPv6 address in brackets.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``.
  public init(listen text: String) throws(NetworkError) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      colon != text.startIndex
    else { throw .badSetting(name: "listen", found: text, allowed: "HOST:PORT, such as 127.0.0.1:7443") }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    self.init(host: String(host), port: Int(port))
  }
}
