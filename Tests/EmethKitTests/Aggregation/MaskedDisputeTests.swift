import Testing

@testable import EmethKit

/// What follows from what verifiers say to a masked vector.
@Suite struct MaskedDisputeTests {
  static let keys = (0..<5).map { PrivateKey(seed: .zero, label: "verifier", index: $0) }
  static let posted = SHA256.hash([1])

  /// Words as letters: `f` the vector fits, `x` and `y` another root was expected, `0` the node opened no secret, `g` it
  /// opened something else than its secret, `r` the submission itself is rejected, `w` the node opened nothing of it, `h` the same,
  /// and the first verifier handed to it what it was opened. Each is of the next verifier.
  private func dispute(_ letters: String) throws -> MaskedDispute {
    let subJob = try JobID(hex: "0x00112233445566778899aabbccddeeff")
    var words: [SignedMaskedFault] = []
    var (rejecting, unopened, opened): ([Address], [Address], Set<Address>) = ([], [], [])
    var handed: [SignedMaskedFault] = []
    for (key, letter) in zip(Self.keys, letters) {
      let root: Bytes32
      switch letter {
      case "f": root = Self.posted
      case "0", "g": root = .zero
      case "h":
        unopened.append(key.address)
        let shown = MaskedFault(
          jobID: subJob, round: 1, attempt: 0, rosterHash: .zero, maskedRoot: Self.posted,
          expectedRoot: SHA256.hash(Array("x".utf8)))
        handed.append(SignedMaskedFault(signing: shown, in: .embedded, with: key))
        continue
      case "x", "y": root = SHA256.hash(Array("\(letter)".utf8))
      case "w":
        unopened.append(key.address)
        continue
      default:
        rejecting.append(key.address)
        continue
      }
      if letter != "0" { opened.insert(key.address) }
      let word = MaskedFault(
        jobID: subJob, round: 1, attempt: 0, rosterHash: .zero, maskedRoot: Self.posted, expectedRoot: root)
      words.append(SignedMaskedFault(signing: word, in: .embedded, with: key))
    }
    return MaskedDispute(
      words, rejecting: rejecting, unopened: unopened, handed: handed, opened: opened)
  }

  private func ruling(_ letters: String, isLast: Bool = false) throws -> String {
    func text(_ addresses: [Address]) -> String {
      addresses.map { address in Self.keys.firstIndex { $0.address == address }.map { "\($0)" } ?? "?" }
        .joined()
    }
    switch try dispute(letters).ruling(isLast: isLast) {
    case .ask: return "ask"
    case .undecided: return "undecided"
    case .decided(let lied, let paid, let forfeited):
      return "\(lied ? "lied" : "honest") paid \(text(paid)) lost \(text(forfeited))"
    }
  }

  @Test(
    arguments: [
      // One word decides nothing, whatever it is.
      ("", "ask"), ("x", "ask"), ("0", "ask"), ("g", "ask"),
      // A second one that agrees does; what it computed itself matters to no bond.
      ("xx", "lied paid 1 lost "), ("xy", "lied paid 1 lost "), ("xr", "lied paid 1 lost "),
      // Who opens to nobody loses, and who opens something else.
      ("00", "lied paid 1 lost "), ("0w", "lied paid 1 lost "), ("0x", "lied paid 1 lost "),
      ("0r", "lied paid 1 lost "), ("gg", "lied paid 1 lost "), ("gx", "lied paid 1 lost "),
      ("xg", "lied paid 1 lost "),
      // Who has opened to its own verifier and is gone when others ask loses nothing by that.
      ("xw", "ask"), ("x0", "ask"), ("xww", "undecided"), ("x0w", "undecided"), ("gww", "undecided"),
      ("xwx", "lied paid 2 lost "), ("xwf", "ask"), ("xwff", "honest paid 23 lost 0"),
      // What the accuser was opened proves itself to the next one; who said against it that the vector fits has lied.
      ("xh", "lied paid 1 lost "), ("xwh", "lied paid 2 lost "), ("xfh", "lied paid 2 lost 1"),
      // One word against another: a third is asked, and who named a root of its own pays.
      ("xf", "ask"), ("xff", "honest paid 12 lost 0"), ("xfx", "lied paid 2 lost 1"),
      // The node may have opened to two and to a third not, or the other way round: nobody pays for that.
      ("xfy", "lied paid 2 lost "), ("xfg", "lied paid 2 lost "), ("xfr", "lied paid 2 lost "),
      ("xf0", "ask"), ("xfw", "ask"),
      // To have seen nothing is no finding: the second's word stands.
      ("0f", "honest paid 1 lost "), ("gf", "honest paid 1 lost "),
    ])
  func whatFollows(letters: String, expected: String) throws {
    #expect(try ruling(letters) == expected)
  }

  @Test func withNobodyLeftAnAccusationAloneDecidesNothing() throws {
    for letters in ["", "x", "0", "g", "xw", "x0"] {
      #expect(try ruling(letters, isLast: true) == "undecided")
    }
    #expect(try ruling("xf", isLast: true) == "honest paid 1 lost ", "one word against another costs nobody")
    #expect(try ruling("xf0", isLast: true) == "honest paid 1 lost ")
    #expect(try ruling("xx", isLast: true) == ruling("xx"))
  }

  /// Who has seen something can show it to those who have not, and nobody else can.
  @Test func whoIsShownWhatTheAccuserHas() throws {
    func unseeing(_ letters: String) throws -> [Int?] {
      try dispute(letters).unseeing.map { address in Self.keys.firstIndex { $0.address == address } }
    }
    #expect(try unseeing("xw") == [1] && unseeing("x0") == [1] && unseeing("xfw0") == [3, 2])
    for letters in ["", "0w", "gw", "fw", "xx", "xg", "xr"] {
      #expect(try unseeing(letters) == [], "\(letters)")
    }
  }

  /// With one bad verifier among any number an honest node never pays, a poisoner that opens always does, and no
  /// honest verifier loses its bond.
  @Test func oneBadVerifierNeverDecides() throws {
    for bad in 0..<3 {
      for lie in ["x", "y", "0", "g", "f", "r", "w"] {
        for truth in ["f", "x"] where truth != lie {
          // The first word is an accusation, or nobody is asked at all.
          var letters = Array(repeating: truth, count: 3)
          letters[bad] = lie
          if ["f", "r", "w"].contains(letters[0]) { continue }
          for count in 1...3 {
            let said = letters.prefix(count).joined()
            guard case .decided(let lied, _, let forfeited) = try dispute(said).ruling(isLast: count == 3)
            else {
              #expect(count < 3, "\(said) is never decided")
              continue
            }
            #expect(lied == (truth == "x"), "\(said)")
            #expect(forfeited.allSatisfy { $0 == Self.keys[bad].address }, "\(said)")
            break
          }
        }
      }
    }
  }
}
