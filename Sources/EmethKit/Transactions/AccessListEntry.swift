/// An account and the storage keys of it that a transaction announces (EIP-2930).
public struct AccessListEntry: Hashable, Sendable {
  /// The account.
  public let address: Address
  /// The keys of its storage; the same key may stand there twice, and is paid for twice.
  public let storageKeys: [Bytes32]

  /// An account and some of its storage.
  public init(address: Address, storageKeys: [Bytes32] = []) {
    self.address = address
    self.storageKeys = storageKeys
  }
}
