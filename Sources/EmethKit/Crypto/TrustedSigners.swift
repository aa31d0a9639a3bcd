/// Whom to trust: `threshold` of some accounts must have signed.
///
/// ```swift
/// let one = TrustedSigners(operatorAddress)
/// let two = try TrustedSigners("2-of-0x…,0x…,0x…")
/// try signedTicket.check(signers: two)
/// ```
public struct TrustedSigners: Hashable, Sendable {
  /// How many of the accounts must have signed, 1 to their number.
  public let threshold: Int
  /// The accounts in ascending order, each once.
  public let accounts: [Address]

  /// The most accounts that can be named.
  public static let accountLimit = 64

  /// One account, which must have signed.
  public init(_ account: Address) {
    threshold = 1
    accounts = [account]
  }

  /// `threshold` of the accounts.
  ///
  /// - Throws: ``CryptoError/signersMalformed(problem:)``: no account or more than ``accountLimit``, one
  ///   named twice, a threshold below 1 or above the number of accounts.
  public init(threshold: Int, of accounts: [Address]) throws(CryptoError) {
    guard (1...Self.accountLimit).contains(accounts.count) else {
      throw .signersMalformed(
        problem: "found \(accounts.count) accounts, allowed are 1 to \(Self.accountLimit)")
    }
    let sorted = accounts.sorted()
    for (account, next) in zip(sorted, sorted.dropFirst()) where account == next {
      throw .signersMalformed(problem: "\(account) is named twice")
    }
    guard (1...accounts.count).contains(threshold) else {
      throw .signersMalformed(
        problem: "found a threshold of \(threshold), allowed are 1 to \(accounts.count)")
    }
    self.threshold = threshold
    self.accounts = sorted
  }

  /// The signers of text: an address, or `m-of-` and addresses separated by commas.
  ///
  /// - Throws: ``CryptoError``: `signersMalformed`, and those of an address.
  public init(_ text: String) throws(CryptoError) {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].elementsEqual("of".utf8),
      let threshold = UInt16(decimal: Substring(parts[0]))
    else {
      guard parts.count == 1 else {
        throw .signersMalformed(problem: "found \(quoted(text)), allowed is such as 2-of-0x…,0x…,0x…")
      }
      self.init(try Address(text))
      return
    }
    var accounts: [Address] = []
    let words = parts[2].split(
      separator: UInt8(ascii: ","), maxSplits: Self.accountLimit, omittingEmptySubsequences: false)
    for word in words {
      accounts.append(try Address(String(Substring(word))))
    }
    try self.init(threshold: Int(threshold), of: accounts)
  }

  /// Whether an account is one of them.
  public func contains(_ account: Address) -> Bool {
    // Nearly always one or a handful: faster than a set.
    accounts.contains(account)
  }

  /// The account when there is just one.
  var onlyAccount: Address? { accounts.count == 1 ? accounts.first : nil }
}

extension TrustedSigners: CustomStringConvertible {
  /// The text that ``init(_:)-(String)`` reads: the address of one account, else `m-of-` and all of them.
  public var description: String {
    onlyAccount?.description
      ?? "\(threshold)-of-\(accounts.map(\.description).joined(separator: ","))"
  }
}
