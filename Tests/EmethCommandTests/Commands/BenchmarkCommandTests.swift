import Foundation
import Testing

@testable import emeth_cli

@Suite struct BenchmarkCommandTests {
  private struct Training: Decodable {
    var millisecondsPerStep: Double
    var tokensPerSecond: Double
    var peakFlops: Double
    var achievedFlops: Double
    var ratio: Double
  }

  private struct Products: Decodable {
    struct Product: Decodable {
      var m, n, k: Int
      var ratio: Double
    }

    var products: [Product]
    var peakFlops: Double
    var achievedFlops: Double
    var ratio: Double
  }

  private func benchmark(_ arguments: [String]) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["benchmark"] + arguments)
  }

  @Test func aTrainingStepIsMeasuredBesideThePeak() throws {
    let arguments = [
      "train", "--preset", "tiny", "--batch", "2", "--context", "16", "--steps", "3",
      "--threads", "1", "--profile", "reproducible",
    ]
    let result = try benchmark(arguments + ["--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Training.self)
    #expect(report.millisecondsPerStep > 0 && report.tokensPerSecond > 0)
    #expect(abs(report.tokensPerSecond * report.millisecondsPerStep / 1e3 - 32) < 1e-3)
    #expect(report.peakFlops > 0 && abs(report.ratio - report.achievedFlops / report.peakFlops) < 1e-9)
    #expect(try benchmark(arguments).output.contains("GFLOP/s"))
  }

  @Test func theProductsOfAStepAreMeasured() throws {
    let arguments = [
      "matmul", "--preset", "tiny", "--batch", "2", "--seconds", "1", "--threads", "1",
    ]
    let result = try benchmark(arguments + ["--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Products.self)
    #expect(report.products.count == 15)
    #expect(report.products.first.map { [$0.m, $0.n, $0.k] } == [128, 384, 128])
    #expect(report.achievedFlops > 0 && report.peakFlops > 0)
    #expect(try benchmark(arguments).output.contains("feed-forward"))
  }

  @Test(
    "flags of another subject, profiles that do not exist and no steps are refused",
    arguments: [
      ["train", "--count", "50"], ["train", "--seconds", "2"], ["tickets", "--preset", "tiny"],
      ["matmul", "--steps", "3"], ["train", "--profile", "exact"], ["train", "--steps", "0"],
    ])
  func refused(arguments: [String]) throws {
    let result = try benchmark(arguments)
    #expect(result.exitCode == 2)
    #expect(result.output.isEmpty)
  }
}
