import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A node's file of receipts: nothing is there twice, nothing is lost, and what was cut off comes again.
@Suite struct ReceiptBookTests {
  private let folder: TemporaryFolder
  private let file: URL

  init() throws {
    folder = try TemporaryFolder()
    file = folder.url.appending(path: "receipts.jsonl")
  }

  private func receipt(_ number: UInt8) throws -> SignedReceipt {
    SignedReceipt(
      signing: Receipt(
        text: try #require(JobID([UInt8](repeating: number, count: 16))), node: TestKeys.other.address,
        model: .zero, promptTokens: 1, tokens: 2, tokensHash: .zero, fuel: Fuel(units: 1),
        holon: TokenAmount(holon: UInt256(UInt64(number))), time: 5), in: .embedded, with: TestKeys.requester)
  }

  @Test func receiptsAreAddedBehindTheLast() throws {
    let all = try (1...5).map(receipt)
    var book = try ReceiptBook(file)
    #expect(book.count == 0 && book.known == 0)
    #expect(try !book.add([]))
    #expect(try book.add([all[0], all[1]]))
    #expect(book.count == 2 && book.known == 1)
    // The last one comes again; where nothing is behind it, nothing is new.
    #expect(try !book.add([all[1]]))
    #expect(try book.add([all[1], all[2]]))
    var again = try ReceiptBook(file)
    #expect(again.count == 3 && again.known == 2)
    #expect(try again.add(Array(all[2...])))
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
      try SignedReceipt(wireText: String($0))
    }
    #expect(lines == all)
  }

  /// However much of the last line a power failure has left.
  @Test func aLineThatWasCutOffComesAgain() throws {
    let all = try (1...3).map(receipt)
    var book = try ReceiptBook(file)
    _ = try book.add(all)
    let whole = try Data(contentsOf: file)
    for cut in [1, 2, 100, try all[2].wireText().utf8.count] {
      try whole.dropLast(cut).write(to: file)
      var again = try ReceiptBook(file)
      #expect(again.count == 2 && again.known == 1)
      #expect(try again.add([all[1], all[2]]))
      #expect(try Data(contentsOf: file) == whole)
    }
    try Data("{".utf8).write(to: file)
    #expect(try ReceiptBook(file).count == 0)
    #expect(try Data(contentsOf: file).isEmpty)
  }

  /// A server whose data is an older copy numbers anew: that is said, and the file stays as it is.
  @Test func aServerThatNumbersOtherwiseIsRefused() throws {
    let all = try (1...4).map(receipt)
    var book = try ReceiptBook(file)
    _ = try book.add([all[0], all[1]])
    let before = try Data(contentsOf: file)
    for told in [[all[2], all[3]], []] {
      let error = #expect(throws: NetworkError.self) { try book.add(told) }
      #expect("\(String(describing: error))".contains("line 2"))
    }
    #expect(try Data(contentsOf: file) == before && book.count == 2)
  }

  @Test func aFileThatCantBeWrittenIsNamed() throws {
    try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
    let error = #expect(throws: NetworkError.self) { try ReceiptBook(file) }
    #expect("\(String(describing: error))".contains(file.path))
  }
}
