import EmethKit
import Testing

@Suite struct SubmissionTests {
  private let key: PrivateKey
  private let submission: Submission

  init() throws {
    key = try PrivateKey(hex: String(repeating: "11", count: 32))
    func word(_ byte: UInt8) throws -> Bytes32 { try #require(Bytes32([UInt8](repeating: byte, count: 32))) }
    submission = Submission(
      jobID: try JobID(hex: "000102030405060708090a0b0c0d0e0f"), round: 2, node: key.address,
      programHash: try word(1),
      dataRoot: try word(2), initRoot: try word(3), traceRoot: try word(4), finalRoot: try word(5),
      resultRoot: try word(6), segments: 10, fuelUsed: 120_000)
  }

  private func verdict(accepted: Bool = true) throws -> Verdict {
    Verdict(
      jobID: submission.jobID, submission: submission.digest(in: .embedded), verifier: key.address,
      accepted: accepted, seed: try #require(Bytes32([UInt8](repeating: 7, count: 32))), step: 12,
      stepRoot: try #require(Bytes32([UInt8](repeating: 8, count: 32))), evidence: .zero)
  }

  /// Digests and signatures made with another implementation (Python's eth-account).
  @Test func digestsAndSignatures() throws {
    let signed = SignedSubmission(signing: submission, in: .embedded, with: key)
    #expect(signed.digest.description == "0x2beef150a0657034a52516a0ab90f99e90b2ef84cbc8b78431de6c7af71d7abf")
    #expect(
      signed.signature.description
        == "0x77f0806d023e0ebd68b06b575553338c7a49eeee9ff8da1b9c0e306e52e078393e62965b2dd2431d9a1f60"
        + "9d40fdc6a2b45e393b24785f2d515176d57fbc7cf51b")
    try signed.check(in: .embedded)
    let word = SignedVerdict(signing: try verdict(), in: .embedded, with: key)
    #expect(word.digest.description == "0x12a3741149f604e26a3103b7c6473e709d78d1c25c12616b59afe0d88f3378d7")
    #expect(
      word.signature.description
        == "0xa32c1720288154e7679e3f77a38626e568b01160adff59966dfef5f1b6664f7947204cd930b1aab49b2598"
        + "252f3cc236ec56298c8b032b90a119afc84115d4c51c")
    try word.check(of: signed.digest)
  }

  @Test func onlyTheOwnNodeAndVerifierSign() throws {
    let other = try PrivateKey(hex: String(repeating: "12", count: 32))
    let mismatch = VerificationError.signed(.signerMismatch(found: other.address, expected: key.address))
    #expect(throws: mismatch) {
      try SignedSubmission(signing: submission, in: .embedded, with: other).check()
    }
    #expect(throws: mismatch) { try SignedVerdict(signing: verdict(), in: .embedded, with: other).check() }
    let elsewhere = EIP712Domain(chainId: 1, verifyingContract: .zero)
    #expect(throws: VerificationError.signed(.wrongDomain(found: elsewhere, expected: .embedded))) {
      try SignedSubmission(signing: submission, in: elsewhere, with: key).check(in: .embedded)
    }
    let word = SignedVerdict(signing: try verdict(), in: .embedded, with: key)
    #expect(throws: VerificationError.submissionMismatch(found: word.verdict.submission, expected: .zero)) {
      try word.check(of: .zero)
    }
  }

  @Test func everyChangedFieldIsFound() throws {
    let text = try jsonText(SignedSubmission(signing: submission, in: .embedded, with: key))
    #expect(text.hasPrefix(#"{"digest":"0x2beef150"#))
    let signed = try fromJSON(SignedSubmission.self, text)
    #expect(signed.submission == submission)
    try signed.check()
    let changes = [
      (#""round":2"#, #""round":3"#), (#""segments":10"#, #""segments":9"#),
      (#""fuelUsed":"120000""#, #""fuelUsed":"120001""#), (#""initRoot":"0x03"#, #""initRoot":"0x13"#),
      (#""jobId":"0x00"#, #""jobId":"0x01"#), (#""chainId":"0""#, #""chainId":"1""#),
      (#""digest":"0x2b"#, #""digest":"0x2c"#), (#""signature":"0x77"#, #""signature":"0x78"#),
      (#""signer":"\#(key.address)""#, #""signer":"0x0000000000000000000000000000000000000000""#),
    ]
    for (found, put) in changes {
      let changed = text.replacing(found, with: put)
      #expect(changed != text, "\(found)")
      #expect(throws: VerificationError.self) { try fromJSON(SignedSubmission.self, changed).check() }
    }
    let word = SignedVerdict(signing: try verdict(), in: .embedded, with: key)
    let spoken = try jsonText(word)
    #expect(try fromJSON(SignedVerdict.self, spoken) == word)
    let denied = spoken.replacing(#""accepted":true"#, with: #""accepted":false"#)
    #expect(throws: VerificationError.self) { try fromJSON(SignedVerdict.self, denied).check() }
  }

  /// Made with another implementation (Python's hmac and hashlib).
  @Test func traceLeaves() throws {
    let secret = try Bytes32(hex: String(repeating: "09", count: 32))
    let root = try Bytes32(hex: String(repeating: "05", count: 32))
    let salt = TraceTree.salt(jobSecret: secret, boundary: 3)
    #expect(salt.description == "0xac0793a2d4dde2f03420017933373214c8d0ae2dc34be1559229dd0c1c5a27c7")
    let leaf = TraceTree.leafHash(salt: salt, stateRoot: root)
    #expect(leaf.description == "0x50dfdc4f0f03b85466e7c1f98c8f898be09a5c4cb6084c23b2123bf6820f5a87")
    #expect(TraceTree.leafHashes(jobSecret: secret, stateRoots: [.zero, .zero, .zero, root])[3] == leaf)
  }

  @Test func openingsProveWhatWasCommittedTo() throws {
    let secret = try Bytes32(hex: String(repeating: "09", count: 32))
    let roots = (0...5).map { Bytes32(UInt256(100 + $0)) }
    let tree = StateTree(leafHashes: TraceTree.leafHashes(jobSecret: secret, stateRoots: roots))
    func submission(first: Bytes32, last: Bytes32) -> Submission {
      Submission(
        jobID: self.submission.jobID, round: 0, node: key.address, programHash: .zero, dataRoot: .zero,
        initRoot: first, traceRoot: tree.root, finalRoot: last, resultRoot: .zero, segments: 5, fuelUsed: 0)
    }
    func opening(_ boundary: Int, state: Bytes32? = nil, proof: [Bytes32]? = nil) -> BoundaryOpening {
      BoundaryOpening(
        boundary: UInt32(boundary), salt: TraceTree.salt(jobSecret: secret, boundary: UInt32(boundary)),
        stateRoot: state ?? roots[boundary], proof: proof ?? tree.proof(of: boundary))
    }
    let honest = submission(first: roots[0], last: roots[5])
    for boundary in 0...5 {
      try opening(boundary).check(in: honest)
      #expect(throws: VerificationError.proofMismatch(boundary: UInt32(boundary))) {
        try opening(boundary, state: roots[(boundary + 1) % 6]).check(in: honest)
      }
      #expect(throws: VerificationError.proofMismatch(boundary: UInt32(boundary))) {
        try opening(boundary, proof: tree.proof(of: (boundary + 1) % 6)).check(in: honest)
      }
    }
    let swappedStart = submission(first: roots[1], last: roots[5])
    #expect(throws: VerificationError.boundaryRoot(boundary: 0, found: roots[0], expected: roots[1])) {
      try opening(0).check(in: swappedStart)
    }
    let swappedEnd = submission(first: roots[0], last: roots[4])
    #expect(throws: VerificationError.boundaryRoot(boundary: 5, found: roots[5], expected: roots[4])) {
      try opening(5).check(in: swappedEnd)
    }
    let beyond = BoundaryOpening(boundary: 6, salt: .zero, stateRoot: .zero, proof: [])
    #expect(throws: VerificationError.boundaryOutside(found: 6, segments: 5)) { try beyond.check(in: honest) }
    #expect(try fromJSON(BoundaryOpening.self, jsonText(opening(2))) == opening(2))
  }
}
