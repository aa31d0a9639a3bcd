import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct DataSetTests {
  private func dataSet(_ bytes: Data, context: Int = 16) throws -> DataSet {
    try DataSet(name: "the text", bytes: bytes, tokenizer: ByteTokenizer(), context: context)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch let error as NetworkError {
      guard case .badDataSet = error else { return "another error: \(error)" }
      #expect(error.code == "dataSet.invalid")
      return error.message
    } catch {
      return "another error: \(error)"
    }
  }

  // MARK: - Files

  @Test func aMissingFileIsNamed() throws {
    let file = try TemporaryFolder().url.appending(path: "nowhere.txt")
    #expect(throws: NetworkError.fileFailed(path: file.path, operation: "read", reason: "no such file")) {
      try DataSet.bytes(of: file)
    }
  }

  @Test func aFolderAndAnEmptyFileAreRefused() throws {
    let folder = try TemporaryFolder()
    let said = message { _ = try DataSet.bytes(of: folder.url) }
    #expect(said.contains(folder.url.path) && said.contains("a folder"), "\(said)")
    let empty = folder.url.appending(path: "empty.txt")
    try Data().write(to: empty)
    let saidOfEmpty = message { _ = try DataSet.bytes(of: empty) }
    #expect(saidOfEmpty.contains(empty.path) && saidOfEmpty.contains("0 bytes"), "\(saidOfEmpty)")
  }

  @Test(.enabled(if: getuid() != 0, "root may read everything"))
  func aFileThatCannotBeReadIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "secret.txt")
    try Data("text".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: file.path)
    #expect(throws: NetworkError.fileFailed(path: file.path, operation: "read", reason: "permission denied"))
    {
      try DataSet.bytes(of: file)
    }
  }

  @Test func aFileIsReadAsItIs() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "text.txt")
    let bytes = Data("eins\r\nzwei\n".utf8)
    try bytes.write(to: file)
    #expect(try DataSet.bytes(of: file) == bytes)
  }

  // MARK: - Text

  @Test(arguments: [0, 1, 37, 4_000])
  func textThatIsNotUTF8IsRefusedWithItsPlace(offset: Int) {
    var bytes = Data(TestNetwork.text().utf8.prefix(4_001))
    bytes[offset] = 0xff
    let said = message { _ = try dataSet(bytes) }
    #expect(said.contains("the text") && said.contains("byte \(offset)") && said.contains("0xff"), "\(said)")
  }

  @Test(arguments: [0, 1, 2, 14])
  func aTextWithNothingToHoldBackIsRefused(count: Int) {
    let said = message { _ = try dataSet(Data(repeating: UInt8(ascii: "a"), count: count)) }
    #expect(said.contains("the text"), "\(said)")
  }

  @Test func aShareShorterThanAWindowIsPadded() throws {
    // 40 bytes: 38 to train on, 2 held back, neither of which fills a window of 65.
    let text = String(repeating: "a", count: 40)
    let dataSet = try dataSet(Data(text.utf8), context: 64)
    #expect(dataSet.training.count == 1 && dataSet.validation.count == 1)
    let a = UInt32(UInt8(ascii: "a"))
    #expect(dataSet.training.tokens(0) == Array(repeating: a, count: 38) + Array(repeating: .max, count: 27))
    #expect(dataSet.validation.tokens(0) == [a, a] + Array(repeating: .max, count: 63))
  }

  @Test func theShareHeldBackIsSevenPercentAtALineEnd() throws {
    let text = TestNetwork.text()
    let dataSet = try dataSet(Data(text.utf8))
    let held = text.utf8.count - joined(dataSet.training).count
    #expect(held * 100 <= text.utf8.count * 7 && held * 100 > text.utf8.count * 7 - 5_000, "\(held) bytes")
    #expect(joined(dataSet.training).last == UInt8(ascii: "\n"))
  }

  @Test func japaneseHoldsTenPercentBackAndCutsNoCharacter() throws {
    let line = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"
    let text = String(repeating: line, count: 100)
    let dataSet = try dataSet(Data(text.utf8))
    let validation = joined(dataSet.validation)
    #expect(validation.count == 10 * line.utf8.count)
    #expect(String(bytes: joined(dataSet.training), encoding: .utf8) == String(repeating: line, count: 90))
    // Without line ends the cut lies between two characters.
    let single = try self.dataSet(Data(text.replacing("\n", with: "").utf8))
    #expect(String(bytes: joined(single.training), encoding: .utf8) != nil)
    #expect(String(bytes: joined(single.validation), encoding: .utf8) != nil)
  }

  @Test func trainingAndValidationAreTheWholeText() throws {
    for text in [
      TestNetwork.text(), "eins zwei drei vier fünf sechs sieben acht neun zehn elf",
      "naïve café\n\n\n~ end of it",
    ] {
      for context in [1, 2, 5, 16] {
        let dataSet = try dataSet(Data(text.utf8), context: context)
        #expect(
          joined(dataSet.training) + joined(dataSet.validation) == Array(text.utf8), "context \(context)")
      }
    }
  }

  /// The bytes that sequences stand for: each begins with the last token of the one before.
  private func joined(_ data: TrainingData) -> [UInt8] {
    data.sequences.enumerated().flatMap { index, tokens in
      tokens.dropFirst(index == 0 ? 0 : 1).filter { $0 != .max }.map { UInt8($0) }
    }
  }

  // MARK: - Records

  @Test func tokensComeBackFromRecords() throws {
    let values: [UInt32] = [0, 1, 255, 256, 65_535, 50_256, .max - 1, .max, 7]
    let bytes = values.reduce(into: Data()) { data, value in
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
    let data = try TrainingData(context: 2, bytes: bytes)
    #expect(data.count == 3 && data.recordSize == 12)
    #expect(data.sequences == [[0, 1, 255], [256, 65_535, 50_256], [.max - 1, .max, 7]])
    // A slice counts from its own beginning.
    let slice = try TrainingData(context: 2, bytes: bytes.dropFirst(12))
    #expect(slice.tokens(0) == [256, 65_535, 50_256])
    #expect(slice.record(1) == data.record(2))
  }

  @Test(arguments: [0, 1, 11, 13, 23])
  func bytesThatAreNoRecordsAreRefused(count: Int) {
    #expect(throws: NetworkError.self) { try TrainingData(context: 2, bytes: Data(count: count)) }
  }
}
