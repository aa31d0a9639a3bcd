/// EIP-712 content with its signature, as every signed record of this protocol travels.
///
/// In JSON `{"domain", <content>, "digest", "signature", "signer"}`, the content under its own name
/// (``SignableContent/jsonKey``), and `"cosignatures"` when more than one account signed. Nothing that was
/// read is trusted: ``check(signers:in:)`` computes digest and signers again.
///
/// ```swift
/// let signed = SignedTicket(signing: ticket, in: .embedded, with: key)   // Signed<Ticket>
/// try signed.check(signer: knownSigner)
/// ```
public struct Signed<Content: SignableContent>: Hashable, Sendable {
  /// The chain and contract it counts for.
  public let domain: EIP712Domain
  /// What is signed.
  public let content: Content
  /// The EIP-712 digest, as claimed.
  public let digest: Bytes32
  /// The first signature.
  public let signature: Signature
  /// Who made the first signature, as claimed.
  public let signer: Address
  /// What others added, in the order in which they signed; empty when one account signs.
  public let cosignatures: [Cosignature]

  /// The most cosignatures that are read, so that one document never costs more than that to check.
  public static var cosignatureLimit: Int { TrustedSigners.accountLimit }

  /// The content, signed.
  public init(signing content: Content, in domain: EIP712Domain, with key: PrivateKey) {
    let digest = content.digest(in: domain)
    self.init(
      domain: domain, content: content, digest: digest, signature: key.sign(digest), signer: key.address,
      cosignatures: [])
  }

  /// What was signed elsewhere; nothing of it is checked. Traps above ``cosignatureLimit``.
  public init(
    domain: EIP712Domain, content: Content, digest: Bytes32, signature: Signature, signer: Address,
    cosignatures: [Cosignature] = []
  ) {
    precondition(cosignatures.count <= Self.cosignatureLimit, "too many cosignatures")
    self.domain = domain
    self.content = content
    self.digest = digest
    self.signature = signature
    self.signer = signer
    self.cosignatures = cosignatures
  }

  /// The same with the signature of one account more; unchanged when that account has signed already.
  ///
  /// - Throws: the content's error when what is here does not hold, and when there are
  ///   ``cosignatureLimit`` cosignatures already.
  public func cosigned(with key: PrivateKey) throws(Content.CheckError) -> Self {
    try check()
    return try appending(Cosignature(signature: key.sign(digest), signer: key.address))
  }

  /// The same with a signature that an account has made elsewhere; unchanged when that account has signed already.
  ///
  /// - Throws: the content's error when what is here, or what is added, does not hold, and when there are
  ///   ``cosignatureLimit`` cosignatures already.
  public func cosigned(by added: Cosignature) throws(Content.CheckError) -> Self {
    let all = try appending(added)
    try all.check()
    return all
  }

  private func appending(_ added: Cosignature) throws(Content.CheckError) -> Self {
    if signer == added.signer || cosignatures.contains(where: { $0.signer == added.signer }) { return self }
    guard cosignatures.count < Self.cosignatureLimit else {
      throw Content.CheckError.signed(
        .cosignatures(found: cosignatures.count + 1, allowed: Self.cosignatureLimit))
    }
    return Self(
      domain: domain, content: content, digest: digest, signature: signature, signer: signer,
      cosignatures: cosignatures + [added])
  }

  /// The same with its first signature and those cosignatures that certain accounts made.
  public func keepingCosignatures(of accounts: Set<Address>) -> Self {
    Self(
      domain: domain, content: content, digest: digest, signature: signature, signer: signer,
      cosignatures: cosignatures.filter { accounts.contains($0.signer) })
  }

  /// Everybody who signed, as claimed, in ascending order, each once.
  public var allSigners: [Address] {
    Set([signer] + cosignatures.map(\.signer)).sorted()
  }

  /// The signatures as a contract takes them in: 65 bytes each, in ascending order of their signers.
  ///
  /// One signature is what `ecrecover` needs; several are the form that multi-signature wallets take as an
  /// ERC-1271 signature.
  public var signatureBytes: [UInt8] {
    let all = [Cosignature(signature: signature, signer: signer)] + cosignatures
    return all.sorted { $0.signer < $1.signer }.flatMap(\.signature.bytes)
  }
}

/// One account's signature beside the first one.
public struct Cosignature: Hashable, Codable, Sendable {
  /// The signature.
  public let signature: Signature
  /// Who signed, as claimed.
  public let signer: Address

  /// A signature and its claimed signer.
  public init(signature: Signature, signer: Address) {
    self.signature = signature
    self.signer = signer
  }
}

/// Content that is signed as EIP-712 and travels as JSON: ``Ticket``, ``Batch``, ``Submission``, ``Verdict``.
///
/// ```swift
/// extension Ticket: SignableContent {
///   public typealias CheckError = TicketError
///   public static var jsonKey: String { "ticket" }
/// }
/// ```
public protocol SignableContent: EIP712Struct, Codable, Hashable {
  /// The error of the content's domain.
  associatedtype CheckError: SignatureError
  /// The member of the JSON object that holds the content.
  static var jsonKey: String { get }
  /// Who alone may sign this content, when it says so itself: a submission's node.
  var requiredSigner: Address? { get }
}

extension SignableContent {
  /// Nobody in particular.
  public var requiredSigner: Address? { nil }
}
