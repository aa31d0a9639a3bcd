import Foundation
import Testing

@testable import emeth_cli

@Suite struct FileErrorTests {
  @Test(arguments: [
    (ENOENT, "file.notFound", ExitCode.unavailable), (EISDIR, "file.isFolder", .badInput),
    (ENOTDIR, "file.isNotFolder", .badInput), (EEXIST, "file.alreadyExists", .unavailable),
    (ENOTEMPTY, "file.folderNotEmpty", .unavailable), (EACCES, "file.noPermission", .unavailable),
    (EPERM, "file.noPermission", .unavailable), (ENOSPC, "file.noSpace", .unavailable),
    (EDQUOT, "file.noSpace", .unavailable), (EROFS, "file.readOnly", .unavailable),
    (EIO, "file.failed", .unavailable),
  ])
  func systemErrorsKeepTheirMeaning(number: Int32, code: String, exitCode: ExitCode) {
    let error = FileError(errno: number, path: "a/b", doing: .write)
    #expect(error.code == code)
    #expect(error.report.exitCode == exitCode)
    #expect(error.message.contains("a/b"))
    #expect(error.report.json.contains("\"code\":\"\(code)\""))
  }

  @Test func reportsAreTwoLinesOrOneObject() {
    let report = ErrorReport(
      exitCode: .badInput, code: "a.b", message: "what: found \"1\"", hint: "do that", details: ["found": "1"]
    )
    #expect(report.text == "emeth: error: what: found \"1\"\nhint: do that\n")
    #expect(
      report.json
        == "{\"code\":\"a.b\",\"details\":{\"found\":\"1\",\"hint\":\"do that\"},"
        + "\"message\":\"what: found \\\"1\\\"\"}\n")
    #expect(ErrorReport(describing: CancellationError()).exitCode == .interrupted)
    struct Unforeseen: Error {}
    #expect(ErrorReport(describing: Unforeseen()).exitCode == .internalError)
  }
}
