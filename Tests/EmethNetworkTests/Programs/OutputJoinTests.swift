import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Parts' outputs put together piece by piece.
@Suite struct OutputJoinTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var file: URL { folder.url.appending(path: "result") }

  private func join(
    _ program: ComputedProgram, _ outputs: [[String]], records: UInt64 = 4, limit: UInt64 = 1_000
  ) throws -> (result: String, remark: String?) {
    let joined = try OutputJoin(
      ComputedManifest(program, recordCount: records), to: file, byteLimit: limit)
    for output in outputs {
      for piece in output { try Data(piece.utf8).withUnsafeBytes { try joined.append($0) } }
      try joined.endPart()
    }
    let hash = try joined.finish()
    let bytes = try Files.read(file)
    #expect(SHA256.hash(Array(bytes)) == hash && UInt64(bytes.count) == joined.byteCount)
    return (String(decoding: bytes, as: UTF8.self), joined.remark)
  }

  @Test func meansAreWeightedAndWhatIsMissingIsSaid() throws {
    let whole = try join(.meanOfNumbers, [["1,", "4\r\n"], [], ["3,2\r\n"]])
    #expect(whole.result == "4,2.5\r\n" && whole.remark == nil)
    let part = try join(.meanOfNumbers, [["3,2\r\n"]])
    #expect(part.result == "3,2\r\n" && part.remark == "1 of 4 lines are no numbers")
    #expect(try join(.meanOfNumbers, []).result.isEmpty)
  }

  @Test func modulesOutputsStandOneBehindTheOther() throws {
    let module = ComputedProgram.module(try ModuleScene("true").module)
    #expect(try join(module, [["a", "b"], [], ["c"]]).result == "abc")
    #expect(try join(module, [["a", "b"], ["c"]], limit: 3).result == "abc")
  }

  @Test func whatCantBeJoinedIsTheProgramsFailure() throws {
    let module = ComputedProgram.module(try ModuleScene("true").module)
    let long = String(repeating: "1", count: 5_000)
    for (program, outputs, words) in [
      (module, [["abc"], ["d"]], "more than 3 bytes together"),
      (.meanOfNumbers, [["1,2,3"]], "can't be joined"),
      (.meanOfNumbers, [[long]], "more than 4096 bytes"),
    ] as [(ComputedProgram, [[String]], String)] {
      let error = #expect(throws: NetworkError.self) { try join(program, outputs, limit: 3) }
      #expect(
        error?.code == "module.failed" && error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
  }
}
