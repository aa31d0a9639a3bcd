import Testing

@testable import EmethKit

@Suite struct DeliberationTests {
  static let accounts = (0..<4).map { PrivateKey(seed: .zero, label: "verifier", index: $0).address }
  static let right = SHA256.hash([1])

  /// Opinions as letters: `a` accepts with the right root, `w` with a wrong one of its own, `r` rejects, `v` is
  /// void.
  private func opinions(_ letters: String) -> [Deliberation.Opinion] {
    letters.enumerated().map { place, letter in
      Deliberation.Opinion(
        verifier: Self.accounts[place], digest: SHA256.hash([UInt8(place)]), accepted: letter != "r",
        stepRoot: letter == "w" ? SHA256.hash([2, UInt8(place)]) : Self.right, isVoid: letter == "v")
    }
  }

  private func ruling(_ letters: String, audited: Bool?) -> String {
    func text(_ addresses: [Address]) -> String {
      addresses.map { address in Self.accounts.firstIndex(of: address).map { "\($0)" } ?? "?" }.joined()
    }
    switch Deliberation(opinions(letters)).ruling(isAudited: { _ in audited }) {
    case .draw: return "draw"
    case .awaitBeacon: return "await"
    case .decided(let accepted, let by, let alsoPaid, let forfeited):
      return
        "\(accepted ? "accept" : "reject") by \(text([by])) paid \(text(alsoPaid)) lost \(text(forfeited))"
    }
  }

  @Test(
    arguments: [
      ("", nil, "draw"),
      ("a", nil, "await"), ("a", false, "accept by 0 paid  lost "), ("a", true, "draw"),
      ("r", nil, "draw"), ("r", true, "draw"),
      // A rejection needs a second one, which the pool pays.
      ("rr", nil, "reject by 0 paid 1 lost "),
      // Outvoted: unpaid, and no more.
      ("ra", nil, "await"), ("ra", false, "accept by 1 paid  lost "), ("ra", true, "draw"),
      ("raa", true, "accept by 1 paid 2 lost "), ("rar", true, "reject by 0 paid 2 lost 1"),
      // A stamp is found when its verdict is replayed, whatever the node did.
      ("aa", true, "accept by 0 paid 1 lost "), ("wa", true, "draw"),
      ("waa", true, "accept by 1 paid 2 lost 0"),
      ("wr", true, "draw"), ("wrr", true, "reject by 1 paid 2 lost 0"),
      // And so is who looks at an honest verdict and lies.
      ("aw", true, "draw"), ("awa", true, "accept by 0 paid 2 lost 1"), ("ar", true, "draw"),
      ("ara", true, "accept by 0 paid 2 lost "),
      // Two verdicts: neither counts, and another verifier takes the place.
      ("v", nil, "draw"), ("va", nil, "await"), ("va", false, "accept by 1 paid  lost 0"),
      ("vrr", nil, "reject by 1 paid 2 lost 0"), ("vaa", true, "accept by 1 paid 2 lost 0"),
      // Nobody agrees: more are drawn.
      ("www", true, "draw"), ("wwa", true, "draw"), ("waw", true, "draw"), ("rww", true, "draw"),
    ] as [(String, Bool?, String)])
  func whatFollows(letters: String, audited: Bool?, expected: String) {
    #expect(ruling(letters, audited: audited) == expected)
  }

  /// With one bad verifier among three the honest ones decide, whoever is drawn first and whatever it says.
  @Test func oneBadVerifierNeverDecides() {
    for honest in ["a", "r"] {
      for bad in ["a", "w", "r", "v"] where bad != honest {
        for place in 0..<3 {
          var said = ""
          while ruling(said, audited: true) == "draw" {
            guard said.count < 3 else {
              Issue.record("\(said): a fourth verifier is needed")
              break
            }
            said += said.count == place ? bad : honest
          }
          let end = ruling(said, audited: true)
          #expect(end.hasPrefix(honest == "a" ? "accept" : "reject"), "\(said): \(end)")
          let lost = end.split(separator: " ", omittingEmptySubsequences: false).last ?? ""
          #expect(lost.isEmpty || lost == "\(place)", "only the bad one loses its bond: \(said): \(end)")
        }
      }
    }
  }

  @Test func oneVerdictInTwentyIsReplayed() {
    let beacon = SHA256.hash([7])
    let drawn = (0..<20_000).count { number in
      SegmentDraw.isAudited(verdict: SHA256.hash(UInt32(number).bigEndianBytes), beacon: beacon, oneIn: 20)
    }
    // 1000 expected, standard deviation 31.
    #expect((850...1_150).contains(drawn))
    #expect(SegmentDraw.isAudited(verdict: .zero, beacon: beacon, oneIn: 1))
    // It depends on what is signed and on the beacon that comes after it.
    let hits = { (beacon: UInt8) in
      Set(
        (0..<400).filter {
          SegmentDraw.isAudited(
            verdict: SHA256.hash(UInt32($0).bigEndianBytes), beacon: SHA256.hash([beacon]), oneIn: 20)
        })
    }
    #expect(hits(1) != hits(2))
  }

  @Test func twoVerdictsOnOneSubmissionProveThemselves() throws {
    let key = PrivateKey(seed: .zero, label: "verifier", index: 0)
    func verdict(_ accepted: Bool, submission: UInt8 = 1, by signer: PrivateKey? = nil) -> SignedVerdict {
      SignedVerdict(
        signing: Verdict(
          jobID: JobID(requester: .zero, salt: .zero), submission: SHA256.hash([submission]),
          verifier: key.address, accepted: accepted, seed: .zero, step: 1, stepRoot: Self.right,
          evidence: .zero), in: .embedded, with: signer ?? key)
    }
    #expect(verdict(true).contradicts(verdict(false)))
    #expect(!verdict(true).contradicts(verdict(true)), "the same verdict twice is one")
    #expect(!verdict(true).contradicts(verdict(false, submission: 2)))
    let forger = PrivateKey(seed: .zero, label: "verifier", index: 1)
    #expect(!verdict(true).contradicts(verdict(false, by: forger)), "nobody can do this to another")
  }
}
