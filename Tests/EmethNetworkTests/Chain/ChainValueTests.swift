import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What needs no chain: addresses of nodes, fees, the meaning of nodes' words, answers.
@Suite struct ChainValueTests {
  @Test func endpointsKeepTheirKeysToThemselves() throws {
    let endpoint = try ChainEndpoint("https://Mainnet.example.org/v3/secret-key?token=more")
    #expect("\(endpoint)" == "https://mainnet.example.org/…")
    #expect(endpoint.path == "/v3/secret-key?token=more")
    #expect(!"\(Mirror(reflecting: endpoint).children.map { "\($0.value)" })".contains("secret"))
    #expect(try ChainEndpoint("http://127.0.0.1:8545").path == "/")
    #expect(try "\(ChainEndpoint("http://127.0.0.1:8545/"))" == "http://127.0.0.1:8545")
    for text in [
      "", "ftp://host/", "https://user:secret@host/", "host:8545", "http://host/#x", "http:///path",
    ] {
      let error = #expect(throws: ChainError.self, "\(text)") { try ChainEndpoint(text) }
      #expect(error == .badEndpoint && error?.message.contains("secret") == false)
    }
  }

  @Test func feesFollowTheHistory() throws {
    let history = try JSONValue(
      parsing:
        #"{"baseFeePerGas":["0x9","0xa"],"gasUsedRatio":[0.5],"reward":[["0x77359400"],["0x1"],["0x3b9aca00"]]}"#
    )
    let fees = try ChainFees(feeHistory: history)
    #expect(fees.maxPriorityFeePerGas == 1_000_000_000)
    #expect(fees.maxFeePerGas == 1_000_000_020)
    let empty = try ChainFees(feeHistory: JSONValue(parsing: #"{"baseFeePerGas":["0x0"]}"#))
    #expect(empty.maxPriorityFeePerGas == ChainFees.usualPriorityFeePerGas)
    #expect(throws: ChainError.self) {
      try ChainFees(feeHistory: JSONValue(parsing: #"{"baseFeePerGas":[]}"#))
    }
    #expect(throws: ChainError.self) {
      try ChainFees(feeHistory: JSONValue(parsing: #"{"baseFeePerGas":["12"]}"#))
    }
    // A lying node's numbers do not trap.
    let huge = ChainFees(nextBaseFeePerGas: .max, priorityFeePerGas: .max)
    #expect(huge.raised().maxFeePerGas > huge.maxFeePerGas)
  }

  @Test func aRaiseIsATenthAtLeast() {
    for fee: UInt256 in [0, 1, 7, 8, 9, 10, 999_999_999, 1_000_000_000] {
      let fees = ChainFees(maxPriorityFeePerGas: fee, maxFeePerGas: fee)
      #expect(fees.raised().maxFeePerGas * 10 >= fee * 11)
      #expect(fees.raised().maxPriorityFeePerGas * 10 >= fee * 11)
    }
    #expect(ChainFees(maxPriorityFeePerGas: .max, maxFeePerGas: .max).raised().maxFeePerGas < .max)
  }

  @Test func onlyTLSAndThisMachineAreProtected() throws {
    for (text, isProtected) in [
      ("https://rpc.example.org", true), ("http://localhost:8545", true), ("http://127.0.0.1:8545/x", true),
      ("http://[::1]:8545", true), ("http://rpc.example.org", false), ("http://127.0.0.1.example.org", false),
      ("http://localhost.example.org:8545", false), ("http://192.168.1.2:8545", false),
    ] {
      #expect(try ChainEndpoint(text).isProtected == isProtected, "\(text)")
    }
  }

  @Test func nodesWordsAreUnderstood() {
    let words: [(Int, String, RPCFault)] = [
      (-32000, "already known", .alreadyKnown), (-32000, "ALREADY_EXISTS: already known", .alreadyKnown),
      (-32000, "nonce too low: next nonce 5, tx nonce 4", .nonceTooLow),
      (-32000, "replacement transaction underpriced", .underpriced),
      (-32000, "max fee per gas less than block base fee: address 0x…", .underpriced),
      (-32000, "insufficient funds for gas * price + value", .insufficientFunds),
      (-32010, "AlreadyKnown", .alreadyKnown), (-32000, "known transaction: 0x12", .alreadyKnown),
      (-32000, "unknown transaction type", .other), (-32010, "OldNonce", .nonceTooLow),
      (-32010, "FeeTooLow, MaxFeePerGas too low", .underpriced),
      (-32010, "FeeTooLowToCompete", .underpriced), (-32010, "ReplacementNotAllowed", .underpriced),
      (-32010, "InsufficientFunds, Account balance: 0", .insufficientFunds),
      (-32000, "intrinsic gas too low: have 0, want 21000", .unacceptable), (401, "HTTP status 401", .other),
      (3, "execution reverted: core.late", .reverted), (-32015, "VM execution error. Reverted 0x", .reverted),
      (-32005, "more than 10000 blocks in one query", .tooMuch),
      (-32602, "query returned more than 10000 results", .tooMuch),
      (-32005, "limit exceeded", .rateLimited), (429, "slow down", .rateLimited),
      (-32000, "missing trie node 4f2b (path )", .pruned), (-32000, "header not found", .passing),
      (4444, "pruned history unavailable", .pruned), (4444, "no such history", .pruned),
      (-32000, "old data not available due to pruning", .pruned),
      (-32603, "request timed out", .passing), (-32603, "Internal error", .passing),
      (-32601, "the method eth_foo does not exist", .other),
    ]
    for (number, message, fault) in words {
      #expect(RPCFault(number: number, message: message) == fault, "\(message)")
    }
  }

  @Test func answersOfABatchMayComeInAnyOrderOrNotAtAll() {
    let text = """
      [{"id":2,"result":"c"},{"id":0,"result":null},{"id":7,"result":"x"},5,
       {"id":1,"error":{"code":-1,"message":"no\\u001b[2J"}}]
      """
    let found = RPCOutcome.read(Data(text.utf8), count: 4, byteLimit: 1_000)
    guard let found, case .value(.null) = found[0], case .failure(-1, let message, nil) = found[1],
      case .value(.string("c")) = found[2], case .missing = found[3]
    else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(message == "no [2J")
    #expect(RPCOutcome.read(Data("<html>".utf8), count: 1, byteLimit: 1_000) == nil)
    #expect(RPCOutcome.read(Data(text.utf8), count: 4, byteLimit: 10) == nil)
    guard case .missing? = RPCOutcome.read(Data(#"{"id":9,"result":1}"#.utf8), count: 1, byteLimit: 99)?.first
    else {
      Issue.record("an answer to another request")
      return
    }
  }

  @Test func revertDataIsFoundWhereNodesPutIt() {
    let data = JSONValue.string("0x08c379a0")
    #expect(RPCOutcome.revertData(data) == [8, 0xC3, 0x79, 0xA0])
    #expect(RPCOutcome.revertData(.string("Reverted 0x01")) == [1])
    #expect(RPCOutcome.revertData(.object([.init("data", data)])) == [8, 0xC3, 0x79, 0xA0])
    #expect(RPCOutcome.revertData(.string("no data")) == nil && RPCOutcome.revertData(nil) == nil)
  }

  @Test func aJournalKeepsNoncesApart() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "a/transactions.sqlite")
    let key = try PrivateKey(hex: String(repeating: "11", count: 32))
    func sign(_ nonce: UInt64) throws(ChainError) -> SignedTransaction {
      try asChainError {
        try Transaction(
          kind: .dynamicFee(chainId: 5, maxPriorityFeePerGas: 1, maxFeePerGas: 2), nonce: nonce, gasLimit: 3,
          to: key.address
        ).signed(with: key)
      }
    }
    func begin(_ name: String, used: UInt64) throws -> (entry: NonceJournal.Entry, isNew: Bool) {
      try NonceJournal(file: file).begin(
        key: name, what: "w", chain: 5, account: key.address, used: used, at: 7, sign: sign)
    }
    #expect(try begin("a", used: 4).entry.nonce == 4)
    #expect(try begin("b", used: 4).entry.nonce == 5)
    let again = try begin("a", used: 9)
    let signed = try sign(4)
    #expect(!again.isNew && again.entry.nonce == 4 && again.entry.newest == signed)
    let journal = try NonceJournal(file: file)
    try journal.settle(again.entry, as: .released)
    #expect(try begin("c", used: 4).entry.nonce == 4, "what was given back is used first")
    #expect(try begin("d", used: 4).entry.nonce == 6)
    #expect(try begin("e", used: 20).entry.nonce == 20)
    #expect(try journal.open(chain: 5, account: key.address).map(\.nonce) == [4, 5, 6, 20])
    #expect(try journal.open(chain: 6, account: key.address).isEmpty)
    #expect(try journal.entries(key: "a", chain: 5, account: key.address).map(\.state) == [.released])
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  /// Two jobs that differ anywhere are two; the same one is found again whatever its salt and deadline are.
  @Test func aJobIsKnownByAllItsTerms() {
    func mark(
      _ program: ProgramID = .meanOfNumbers, _ parallel: UInt32 = 1, _ epochs: UInt32 = 1,
      _ dataset: String = "ab", _ parameters: String = "c", _ fuel: UInt64 = 10, _ price: UInt64 = 10,
      _ seconds: UInt64 = 60
    ) -> String {
      ChainJob(
        program: program, parallel: parallel, epochs: epochs, dataset: .text(dataset), parameters: parameters,
        fuelLimit: Fuel(units: fuel), fuelPrice: FuelPrice(gholon: price), lifeSeconds: seconds
      ).mark
    }
    let marks = [
      mark(), mark(.proofOfWork), mark(.meanOfNumbers, 2), mark(.meanOfNumbers, 1, 2),
      mark(.meanOfNumbers, 1, 1, "a", "bc"), mark(.meanOfNumbers, 1, 1, "abc", ""),
      mark(.meanOfNumbers, 1, 1, "ab", "d"), mark(.meanOfNumbers, 1, 1, "ab", "c", 11),
      mark(.meanOfNumbers, 1, 1, "ab", "c", 10, 11), mark(.meanOfNumbers, 1, 1, "ab", "c", 10, 10, 61),
    ]
    #expect(Set(marks).count == marks.count)
    #expect(mark() == marks[0])
    let (job, hash) = (JobID(requester: .zero, salt: .zero), SHA256.hash([1]))
    let given = ChainJob(
      program: .meanOfNumbers, parallel: 1, epochs: 1, dataset: .input(hash: hash), parameters: "c",
      fuelLimit: Fuel(units: 10), fuelPrice: FuelPrice(gholon: 10), lifeSeconds: 60)
    let text = given.text(of: job, from: .zero)
    #expect(JobFileReference(text, .input, of: job, from: .zero)?.contentHash == hash)
    #expect(given.text(of: job, from: .zero) != text, "no two uploads have one name")
    #expect(given.mark == given.mark && !marks.contains(given.mark))
    // Another job's, another giver's or another kind's, and what is nearly one.
    #expect(JobFileReference(text, .output, of: job, from: .zero) == nil)
    #expect(JobFileReference(text, .input, of: JobID(requester: .zero, salt: hash), from: .zero) == nil)
    for wrong in [text + "0", text.uppercased(), String(text.prefix { $0 != "#" }), text + "#", ""] {
      #expect(JobFileReference(wrong, .input, of: job, from: .zero) == nil, "\(wrong)")
    }
  }

  @Test func aFileOfANewerProgramIsRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "x.sqlite")
    _ = try ChainDatabase(file: file, layouts: ["CREATE TABLE a (b)", "CREATE TABLE c (d)"])
    #expect(throws: ChainError.store(.otherVersion(path: file.path, found: 2, supported: 1))) {
      try ChainDatabase(file: file, layouts: ["CREATE TABLE a (b)"])
    }
    #expect(throws: ChainError.self) {
      try EventStore(file: URL(filePath: "/proc/none/x.sqlite"), chainID: 1, contracts: [])
    }
  }
}
