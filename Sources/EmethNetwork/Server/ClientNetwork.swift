import EmethKit
import Foundation

/// Where a client is, as far as limits go.
enum ClientNetwork {
  /// Of the request that is being carried out.
  @TaskLocal static var current = "local"

  /// The name by which an address is counted: an IPv4 address is one client, and so are all addresses of an IPv6 network of
  /// 64 bits, for whoever has one of them has all.
  static func name(of address: String) -> String {
    var parsed = in6_addr()
    guard inet_pton(AF_INET6, address, &parsed) == 1 else { return address }
    let bytes = withUnsafeBytes(of: parsed) { Array($0) }
    // An IPv4 address on a socket of both kinds.
    if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff]) {
      return bytes[12...].map { "\($0)" }.joined(separator: ".")
    }
    return Hex.encode(Array(bytes[..<8]), prefixed: false) + "::/64"
  }
}
