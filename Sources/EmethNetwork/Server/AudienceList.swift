import EmethKit
import Synchronization

/// The names under which a server may be meant: a request that is signed for another one does not count here.
final class AudienceList: Sendable {
  private let names: Mutex<Set<String>>
  /// Whether the server listens on all of a machine's addresses, which it can't name itself.
  private let listensEverywhere: Bool
  private let isNamed: Bool

  init(_ settings: ServerSettings) {
    names = Mutex(Set(settings.audiences.map { $0.lowercased() }))
    isNamed = !settings.audiences.isEmpty
    listensEverywhere = ["0.0.0.0", "::", ""].contains(settings.host)
  }

  /// Takes in the address, now that the port is known.
  func add(host: String, port: Int, isSecure: Bool) {
    var hosts = [host.contains(":") ? "[\(host)]" : host]
    if ["127.0.0.1", "::1", "localhost"].contains(host) || listensEverywhere {
      hosts += ["localhost", "127.0.0.1", "[::1]"]
    }
    let found = hosts.map { ServerAddress.audience(host: $0, port: port, isSecure: isSecure) }
    names.withLock { $0.formUnion(found) }
  }

  /// The name that a request to `host` (its Host header) must be signed for; `nil` when the server is not called so.
  ///
  /// A server that listens everywhere and was told no name goes by any address, but by no name: a request that was
  /// signed for another server by its name must not count here.
  func audience(of host: String) -> String? {
    let host = host.lowercased()
    if names.withLock({ $0.contains(host) }) { return host }
    return listensEverywhere && !isNamed && Self.isAddress(host) ? host : nil
  }

  /// Whether a Host header names a numeric address.
  private static func isAddress(_ host: String) -> Bool {
    if host.hasPrefix("[") { return true }
    let name = host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
    return !name.isEmpty && name.allSatisfy { $0 == "." || ("0"..."9").contains($0) }
  }
}
