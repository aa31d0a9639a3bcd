import Foundation
import Testing

@testable import EmethNetwork

@Suite struct LossCurveTests {
  private var curve: LossCurve {
    var curve = LossCurve(title: "Loss of <tiny> & co")
    for step in 0..<200 { curve.addTrain(step: step, loss: 2 + 3.5 / (1 + Double(step) / 20)) }
    curve.addTrain(step: 200, loss: .nan)
    for step in stride(from: 0, through: 200, by: 50) {
      curve.addValidation(step: step, loss: 2.2 + 3.3 / (1 + Double(step) / 20))
    }
    return curve
  }

  @Test func fileAndPageShowTheSame() throws {
    let file = curve.svg()
    let page = curve.drawing(in: .page).html
    for svg in [file, page] {
      #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 420\""))
      #expect(!svg.contains("nan") && !svg.contains("<tiny>"))
      #expect(svg.contains("<title>Loss of &lt;tiny&gt; &amp; co</title>"))
      // A page's policy allows no style in it.
      #expect(!svg.contains("style"))
      #expect(svg.components(separatedBy: "<circle").count == 6)
    }
    // What is where does not depend on who draws it.
    let points = { (svg: String) in
      svg.components(separatedBy: "points=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
    }
    #expect(points(file) == points(page) && points(file).count == 2)
    #expect(points(file).last?.hasPrefix("70,") == true)
    #expect(file.contains("#d9822b") && !page.contains("#"))
  }

  @Test func aFlatCurveIsDrawn() {
    var flat = LossCurve()
    #expect(flat.isEmpty)
    flat.addTrain(step: 5, loss: 3)
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
}
