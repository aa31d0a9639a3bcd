import EmethKit
import Foundation

/// Where a chain's node listens. Providers write keys into the path, so only scheme and host are ever shown.
///
/// ```swift
/// let endpoint = try ChainEndpoint("https://mainnet.example.org/v3/0123456789abcdef")
/// print(endpoint)     // https://mainnet.example.org/…
/// ```
public struct ChainEndpoint: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  let server: ServerAddress
  let path: String

  /// Reads a URL of a scheme, a host, and perhaps a port, a path and a query.
  ///
  /// - Throws: ``ChainError/badEndpoint``.
  public init(_ text: String) throws(ChainError) {
    guard let url = URLComponents(string: text), let scheme = url.scheme, let host = url.percentEncodedHost,
      url.user == nil, url.password == nil, url.fragment == nil
    else { throw .badEndpoint }
    let port = url.port.map { ":\($0)" } ?? ""
    do throws(NetworkError) {
      server = try ServerAddress("\(scheme)://\(host)\(port)")
    } catch {
      throw .badEndpoint
    }
    let query = url.percentEncodedQuery.map { "?\($0)" } ?? ""
    path = (url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath) + query
  }

  /// Scheme and host; `/…` stands for a path.
  public var description: String { "\(server)\(path == "/" ? "" : "/…")" }

  /// The description alone.
  public var customMirror: Mirror { Mirror(self, children: ["endpoint": description]) }
}
