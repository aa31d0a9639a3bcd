import EmethKit
import Foundation

/// Who has given which data set, all of its bytes: empty objects of the Splitter's own store.
///
/// The hash of a data set is in its job's public record. Whoever could name one without having it would get a node of
/// its own to open it.
struct DataSetGivers: Sendable {
  private let place: any ObjectPlace

  init(splitterStore: ContentStore) { place = splitterStore.place }

  private func key(_ account: Address, _ hash: Bytes32) -> String {
    "givers/\(Hex.encode(hash.bytes, prefixed: false))-\(account)"
  }

  /// Notes that an account has given all bytes of a data set, which lies in its place already.
  func add(_ account: Address, of hash: Bytes32) throws(NetworkError) {
    try place.write(Data(), as: key(account, hash), hash: nil, durable: true)
  }

  /// Whether an account has given a data set.
  func contains(_ account: Address, of hash: Bytes32) throws(NetworkError) -> Bool {
    try place.contains(key(account, hash))
  }
}
