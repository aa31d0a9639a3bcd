import EmethKit
import Foundation
import Testing

/// A Python with eth-account, an implementation of Ethereum's transactions that is not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

/// What either side made is the same to the other: bytes, hashes, senders.
@Suite(.enabled(if: python != nil, "EMETH_PYTHON names no Python with eth-account")) struct EthAccountTests {
  /// Runs check_transactions.py on a document and gives what it prints.
  private func check(_ document: JSONValue) throws -> JSONValue {
    let script = try #require(
      Bundle.module.url(forResource: "check_transactions", withExtension: "py", subdirectory: "Fixtures"))
    let file = FileManager.default.temporaryDirectory.appending(
      path: "emeth-transactions-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try document.canonical.write(to: file, atomically: false, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: try #require(python))
    process.arguments = [script.path(percentEncoded: false), file.path(percentEncoded: false)]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try JSONValue(parsing: String(decoding: data, as: UTF8.self), byteLimit: 1 << 30)
  }

  private func transactions(
    _ count: Int, using generator: inout some RandomNumberGenerator
  ) throws -> [JSONValue] {
    try (0..<4 * count).map { index in
      let transaction = try Transaction.random(kind: index % 4, using: &generator)
      let key = PrivateKey.random(using: &generator)
      let signed = transaction.signed(with: key)
      return .object([
        .init("key", .string(key.withSecretBytes { Hex.encode($0) })), .init("transaction", transaction.json),
        .init("raw", .string(Hex.encode(signed.encoded))), .init("hash", .string(signed.hash.description)),
        .init("from", .string(signed.sender.description)),
      ])
    }
  }

  private func messages(
    _ count: Int, using generator: inout some RandomNumberGenerator
  ) -> [JSONValue] {
    (0..<count).map { index in
      let message = (0..<index).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let key = PrivateKey.random(using: &generator)
      return .object([
        .init("key", .string(key.withSecretBytes { Hex.encode($0) })),
        .init("message", .string(Hex.encode(message))),
        .init("digest", .string(EIP191.digest(message: message).description)),
        .init("signature", .string(key.sign(message: message).description)),
      ])
    }
  }

  private func document(
    count: Int, transactions: [JSONValue], messages: [JSONValue],
    using generator: inout some RandomNumberGenerator
  ) -> JSONValue {
    .object([
      .init("seed", .string("\(UInt64.random(in: 0...UInt64.max, using: &generator))")),
      .init("count", .integer(UInt32(count))), .init("transactions", .array(transactions)),
      .init("messages", .array(messages)),
    ])
  }

  @Test func bothSidesMakeAndReadTheSame() throws {
    var generator = SeededGenerator()
    let count = scaled(12)
    let result = try check(
      document(
        count: count, transactions: transactions(count, using: &generator),
        messages: messages(count, using: &generator), using: &generator))
    #expect(try result.required("problems").arrayElements() == [])

    let theirs = try result.required("transactions").arrayElements()
    #expect(theirs.count == 4 * count)
    for test in theirs {
      let json = try test.required("json")
      let signed = try SignedTransaction(decoding: Hex.decode(test.required("raw").stringText()))
      #expect(try signed == SignedTransaction(json: json))
      #expect(try signed.hash.description == json.required("hash").stringText())
      #expect(try signed.sender.description == json.required("from").stringText())
    }
    for test in try result.required("messages").arrayElements() {
      let message = try Hex.decode(test.required("message").stringText())
      let signature = try Signature(bytes: Hex.decode(test.required("signature").stringText()))
      #expect(try EIP191.digest(message: message).description == test.required("digest").stringText())
      #expect(
        try signature.recoverAddress(fromMessage: message).description == test.required("from").stringText())
    }
  }

  /// The script itself finds what is wrong.
  @Test func theOracleNoticesAChange() throws {
    var generator = SeededGenerator()
    let right = try transactions(1, using: &generator)
    let shuffled: [JSONValue] = try zip(right, right.dropFirst() + right.prefix(1)).map { entry, other in
      let members = try entry.objectMembers().filter { $0.key != "raw" && $0.key != "hash" }
      return .object(
        members + [.init("raw", try other.required("raw")), .init("hash", try other.required("hash"))])
    }
    let result = try check(document(count: 0, transactions: shuffled, messages: [], using: &generator))
    // Keys at the ends of their range come more than once: the sender is right then.
    let pairs = zip(right, right.dropFirst() + right.prefix(1))
    let same = try pairs.count { try $0.required("from") == $1.required("from") }
    #expect(try result.required("problems").arrayElements().count == 3 * right.count - same)
  }
}
