import EmethKit

@testable import EmethNetwork

extension NonceStore {
  /// Uses one nonce up; false when it has counted already.
  func use(_ nonce: Bytes32, of account: Address, at now: UInt64) throws(NetworkError) -> Bool {
    try use([Use(account: account, nonce: nonce)], at: now) == [true]
  }
}
