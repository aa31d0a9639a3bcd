import EmethCompute
import EmethKit
import Foundation

/// A text as token sequences: the records of program 1 and its validation share (PROTOCOL 4).
public struct DataSet: Sendable {
  /// Context T of its sequences.
  public let context: Int
  /// Records to train on.
  public let training: TrainingData
  /// Records to validate on: the last 7 % of the text for English, 10 % for Japanese, cut at a line end.
  public let validation: TrainingData

  /// Reads a file's bytes; refuses a folder, a missing file and an empty one.
  public static func bytes(of file: URL) throws(NetworkError) -> Data {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder) else {
      throw .fileFailed(path: file.path, operation: "read", reason: "no such file")
    }
    guard !isFolder.boolValue else {
      throw .badDataSet(path: file.path, what: "not a file", found: "a folder", allowed: "a UTF-8 text file")
    }
    let bytes = try Files.read(file)
    guard !bytes.isEmpty else {
      throw .badDataSet(path: file.path, what: "nothing in it", found: "0 bytes", allowed: "UTF-8 text")
    }
    return bytes
  }

  /// Checks and tokenises UTF-8 text.
  ///
  /// - Parameter name: how errors name the text.
  public init(name: String, bytes: Data, tokenizer: any Tokenizer, context: Int) throws(NetworkError) {
    self.context = context
    do {
      let corpus = try TextCorpus(bytes: bytes)
      func records(_ range: Range<Int>) throws -> TrainingData {
        let sequences = try TokenSequences(
          tokens: try corpus.tokens(of: range, tokenizer: tokenizer), context: context)
        return try TrainingData(context: context, bytes: Data(sequences.records(0..<sequences.count)))
      }
      training = try records(corpus.training)
      validation = try records(corpus.validation)
    } catch let error as ComputeError {
      throw .badDataSet(
        path: name, what: error.message, found: "\(bytes.count) bytes",
        allowed: "UTF-8 text with something to train on and something to validate on")
    } catch {
      throw NetworkError(error)
    }
  }
}
