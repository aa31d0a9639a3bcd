import EmethKit
import Foundation

/// Where a server listens, as its clients name it: `http://host:port` or `https://host:port`.
///
/// ```swift
/// let server = try ServerAddress("https://Emeth.example.org")
/// server.audience   // "emeth.example.org", what requests to it are signed for
/// ```
public struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
  /// Whether it is spoken to over TLS.
  public let isSecure: Bool
  /// Host and port as they stand in the URL, in lower case, without the scheme's own port (PROTOCOL 10).
  public let audience: String

  /// Reads a URL of a scheme, a host and perhaps a port.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``.
  public init(_ text: String) throws(NetworkError) {
    let refusal = NetworkError.badSetting(
      name: "server", found: text, allowed: "http://HOST[:PORT] or https://HOST[:PORT]")
    guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(), let host = url.host,
      !host.isEmpty, ["http", "https"].contains(scheme), ["", "/"].contains(url.path), url.query == nil,
      url.fragment == nil, url.user == nil, url.password == nil, !text.contains("@")
    else { throw refusal }
    isSecure = scheme == "https"
    let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    switch url.port {
    case nil: audience = name.lowercased()
    case .some(let port):
      guard (1...65_535).contains(port) else { throw refusal }
      audience = Self.audience(host: name, port: port, isSecure: isSecure)
    }
  }

  /// Host and port as a request names them.
  static func audience(host: String, port: Int, isSecure: Bool) -> String {
    port == (isSecure ? 443 : 80) ? host.lowercased() : "\(host.lowercased()):\(port)"
  }

  /// The URL, without a slash at its end.
  public var description: String { "\(isSecure ? "https" : "http")://\(audience)" }
}
