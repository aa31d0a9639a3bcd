import EmethKit
import Testing

@Suite struct TrustedSignersTests {
  private let accounts = (1...5).map { Cast.account(UInt8($0)) }

  @Test func textAndBack() throws {
    let one = TrustedSigners(accounts[0])
    #expect(one.threshold == 1 && one.accounts == [accounts[0]] && one.description == "\(accounts[0])")
    #expect(try TrustedSigners(one.description) == one)
    #expect(try TrustedSigners("1-of-\(accounts[0])") == one)
    for threshold in 2...5 {
      let some = try TrustedSigners(threshold: threshold, of: accounts.reversed())
      #expect(some.accounts == accounts, "in ascending order")
      #expect(try TrustedSigners(some.description) == some)
      #expect(some.contains(accounts[3]) && !some.contains(.zero))
    }
    let lower = "2-of-" + accounts.prefix(2).map { "\($0)".lowercased() }.joined(separator: ",")
    #expect(try TrustedSigners(lower).accounts == Array(accounts.prefix(2)))
  }

  @Test func rulesThatMakeNoSenseAreRefused() throws {
    func code(_ threshold: Int, _ accounts: [Address]) -> String? {
      do throws(CryptoError) {
        _ = try TrustedSigners(threshold: threshold, of: accounts)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(1, accounts) == nil)
    #expect(code(0, accounts) == "signers.malformed")
    #expect(code(-1, accounts) == "signers.malformed")
    #expect(code(6, accounts) == "signers.malformed")
    #expect(code(1, []) == "signers.malformed")
    #expect(code(1, [accounts[0], accounts[1], accounts[0]]) == "signers.malformed")
    let many = (0..<65).map { Cast.account(UInt8($0)) }
    #expect(code(1, many) == "signers.malformed")
    #expect(code(64, Array(many.prefix(64))) == nil)
  }

  @Test func otherTextIsRefused() throws {
    let (a, b) = ("\(accounts[0])", "\(accounts[1])")
    let texts = [
      "", "-", "1-of-", "-of-\(a)", "0-of-\(a)", "2-of-\(a)", "02-of-\(a),\(b)", "+1-of-\(a)",
      "1-of-\(a),", "1-of-,\(a)", "1-of-\(a),\(a)", "1 of \(a)", "1-Of-\(a)", "1-of-\(a)-\(b)", "\(a),\(b)",
      "99999999999999999999-of-\(a)", "1-of-\(a.dropLast())", " 1-of-\(a)", "1-of-\(a)\n", "2-of",
      "é-of-\(a)",
      "1-of-" + String(repeating: "\(a),", count: 100_000),
    ]
    for text in texts {
      #expect(throws: CryptoError.self, "\(text.prefix(80))") { try TrustedSigners(text) }
    }
  }
}
