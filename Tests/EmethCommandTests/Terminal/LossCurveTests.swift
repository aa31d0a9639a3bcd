import Foundation
import Testing

@testable import emeth_cli

@Suite struct LossCurveTests {
  private var curve: LossCurve {
    var curve = LossCurve(title: "Loss of <tiny> & co")
    for step in 0..<200 {
      curve.addTrain(step: step, loss: 2 + 3.5 / (1 + Double(step) / 20))
    }
    curve.addTrain(step: 200, loss: .nan)
    for step in stride(from: 0, through: 200, by: 50) {
      curve.addValidation(step: step, loss: 2.2 + 3.3 / (1 + Double(step) / 20))
    }
    return curve
  }

  @Test func pictureIsAsRecorded() throws {
    let terminal = Terminal(isTerminal: false, columns: 64)
    try Golden.check(curve.picture(on: terminal), "loss-curve.txt")
  }

  @Test func drawingIsAsRecordedAndWellFormed() throws {
    let svg = curve.svg()
    try Golden.check(svg, "loss-curve.svg")
    #expect(!svg.contains("nan") && !svg.contains("<tiny>"))
  }

  @Test func degenerateSeriesAreDrawn() {
    #expect(LossCurve().isEmpty)
    #expect(LossCurve().picture(on: Terminal(isTerminal: false, columns: 80)) == "")
    var flat = LossCurve()
    flat.addTrain(step: 5, loss: 3)
    for terminal in [
      Terminal(isTerminal: false, columns: 1), Terminal(isTerminal: true, columns: 300, usesColor: true),
    ] {
      #expect(!flat.picture(on: terminal).isEmpty)
    }
    flat.addValidation(step: 5, loss: 3)
    #expect(flat.svg().contains("circle"))
    #expect(!flat.svg().lowercased().contains("nan"))
  }

  @Test func longSeriesAreCondensed() {
    var long = LossCurve()
    for step in 0..<10_000 { long.addTrain(step: step, loss: 1) }
    let points = long.condensedTrain(to: 600)
    #expect(points.count == 600)
    #expect(points.allSatisfy { $0.loss == 1 })
    #expect(points.first?.step == 7.5)
  }

  @Test(arguments: [(0.0, 100.0), (2.2, 5.6), (0.001, 0.0012), (3, 3), (1e6, 5e6), (-1, 1)])
  func axesHoldTheirValues(lower: Double, upper: Double) {
    let axis = PlotAxis(covering: [upper, lower], ticks: 5)
    #expect(axis.lower <= lower && axis.upper >= upper && axis.lower < axis.upper)
    #expect((2...12).contains(axis.ticks.count))
    let labels = axis.ticks.map(axis.label)
    #expect(Set(labels).count == labels.count, "\(labels)")
  }

  @Test func brailleDots() {
    var canvas = BrailleCanvas(columns: 1, rows: 1)
    #expect(canvas[0, 0] == nil)
    canvas.set(x: 0, y: 0)
    #expect(canvas[0, 0] == "⠁")
    canvas.set(x: 1, y: 3)
    #expect(canvas[0, 0] == "⢁")
    canvas.set(x: 5, y: 5)
    canvas.drawLine(through: [(0, 0), (0, 3), (1, 3), (1, 0)])
    #expect(canvas[0, 0] == "⣿")
  }
}
